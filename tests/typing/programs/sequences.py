"""Recurrent layers, attention and transformers: what their calls give, and five mistakes."""

import flambeau as torch
from flambeau import nn

words = torch.randn(4, 7, 32)
pictures = torch.randn(2, 3, 5, 5)

lstm = nn.LSTM(32, 64, 2, batch_first=True, bidirectional=True)
outputs, (hidden, cell) = lstm(words)
classify = nn.Linear(128, 5)
scores = classify(outputs[:, -1])
last = torch.stack([hidden[-1], hidden[-2]]).reshape(2, 4, 64) + cell.reshape(4, 4, 64)[:2]

too_wide = nn.Linear(64, 5)(outputs)  # E
gru_outputs, _ = nn.GRU(16, 8)(words)  # E

attend = nn.MultiheadAttention(32, 4, batch_first=True)
attended, weights = attend(words, words, words)
residual = words + attended
other = nn.MultiheadAttention(48, 4)
confused, _ = other(words, words, words)  # E

encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, batch_first=True), num_layers=2)
encoded = encoder(words) + words
narrow = nn.TransformerEncoderLayer(16, 4)
wrong = narrow(words)  # E

step = nn.GRUCell(32, 5)(words[:, 0]) + torch.zeros(4, 5)

padded = nn.ReflectionPad2d(2)(pictures) + torch.zeros(2, 3, 9, 9)
uneven = nn.ZeroPad2d((1, 2, 0, 1))(pictures) + torch.zeros(2, 3, 6, 8)
gated = nn.GLU(1)(pictures)  # E

activation = nn.ReLU(True, 5)  # E: all
