"""Plain drop-ins for torch's six recurrent modules: the equations, one step at a time."""

from plain.cells import Cell, GRUCell, LSTMCell, RNNCell
from plain.layers import GRU, LSTM, RNN, Layers, Place
from plain.steps import ElmanStep, GRUBeforeStep, GRUStep, LSTMStep, State, Step, Weights, affine

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Cell",
    "ElmanStep",
    "GRUBeforeStep",
    "GRUCell",
    "GRUStep",
    "LSTMCell",
    "LSTMStep",
    "Layers",
    "Place",
    "RNNCell",
    "State",
    "Step",
    "Weights",
    "affine",
]
