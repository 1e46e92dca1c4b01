"""appnas.domains.eda.flow.rtl.modules: ports and the registered output."""

from appnas.domains.eda.flow.rtl.modules import module


def test_a_module():
    assert module({"a": 4, "b": 1}, 2, "wire [1:0] y = a[1:0];") == (
        "module top(input clk, input [3:0] a, input [0:0] b, output reg [1:0] q);\n"
        "wire [1:0] y = a[1:0];\nalways @(posedge clk) q <= y;\nendmodule\n"
    )
