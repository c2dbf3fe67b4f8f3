import signal
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
