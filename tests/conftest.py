import signal
import sys
from collections.abc import Iterator

import pytest
import torch
import torch._inductor.test_operators  # which cannot be imported twice, and pytester's runs forget modules

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a script, and so would children
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they give at these sizes, and many processes share the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def modules_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a test has written and imported is not imported by another, which writes one of that name."""
    before = set(sys.modules)
    yield
    written = str(tmp_path_factory.getbasetemp())
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(written):
            del sys.modules[name]
