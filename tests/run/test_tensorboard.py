"""appnas.run.tensorboard: values for TensorBoard."""

import threading

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from appnas.run.tensorboard import Events, Quiet


def test_values_are_written(tmp_path):
    events = Events(tmp_path, 0)
    for step in range(3):
        events.add(step / 2, step, lambda: "all is safe")
    events.close()
    (file,) = tmp_path.iterdir()
    found = [(e.step, v.tensor.float_val[0]) for e in EventFileLoader(str(file)).Load() for v in e.summary.value]
    assert found == [(0, 0.0), (1, 0.5), (2, 1.0)]


def test_a_folder_that_is_gone_is_told_once(tmp_path, capfd):
    folder = tmp_path / "run"
    events = Events(folder, 0)
    events.writer.flush()  # else its thread makes the file again
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with pytest.raises(OSError, match=r"run was deleted or moved while it was written to"):
        for step in range(200):
            events.add(1.0, step, str)
    events.close()
    assert capfd.readouterr().err == ""


def test_errors_of_other_threads_are_heard():
    heard = []
    hook = Quiet(heard.append)
    for kind, thread in ((OSError, threading.current_thread()), (ValueError, None)):
        hook(threading.ExceptHookArgs((kind, kind(), None, thread)))
    assert [args.exc_type for args in heard] == [OSError, ValueError]
