"""appnas.domains.eda.flow.rtl.storage: registers, written by address and read by address."""

from evaluated import computed

from appnas.domains.eda.flow.rtl.storage import matcher, queue, register_file


def test_every_word_has_registers():
    for text, words in ((register_file(6, 4), 6), (matcher(5, 4), 5), (queue(4, 3), 4)):
        assert all(f" r{k}; always @(posedge clk) if (" in text for k in range(words))


def test_a_queue_says_whether_it_is_full_or_empty(tmp_path):
    """With its two pointers as inputs; the words are 3, 2, 1, 0."""
    text = queue(4, 2).replace("reg [2:0] w, r;", "")
    text = text.replace("module top(", "module top(input [2:0] w, input [2:0] r, ")
    text = "\n".join(line for line in text.splitlines() if "w <= clear" not in line)
    words = {"r0": 3, "r1": 2, "r2": 1, "r3": 0}
    for w, r, expected in ((3, 3, 0b0100), (7, 3, 0b1000), (6, 5, 0b0010), (4, 0, 0b1011)):  # full, empty, next word
        assert computed(tmp_path, text, w=w, r=r, **words) == expected
