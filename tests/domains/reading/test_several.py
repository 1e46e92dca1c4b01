"""appnas.domains.reading.several."""

import torch

from appnas.domains.reading import Several, chained, parts_of


def test_several_inputs_are_cut_and_moved_as_one():
    x = Several([torch.arange(4.0)[:, None], torch.arange(8).view(4, 2)])
    part = x[torch.tensor([2, 0])]
    assert len(x) == 4 and [p.tolist() for p in part.parts] == [[[2.0], [0.0]], [[4, 5], [0, 1]]]
    assert len(x[1:3]) == 2 and x.nbytes == 16 + 64 and x.device == torch.device("cpu") == x.cpu().device
    assert {p.device.type for p in x.to(torch.device("meta")).parts} == {"meta"}
    assert parts_of(x) is x.parts and parts_of(x.parts[0]) == (x.parts[0],)
    both = chained([x, part])
    assert len(both) == 6 and both.parts[1][4].tolist() == [4, 5]
    assert chained([torch.zeros(2), torch.ones(1)]).tolist() == [0.0, 0.0, 1.0]
