"""The matmul family."""

from typing import reveal_type

import flambeau as torch
a, b = torch.randn(5, 6), torch.randn(6, 7)
reveal_type(a @ b)
wrong = a @ b
#~ wrong = a @ b.T
reveal_type(torch.mm(a, b))
batch = torch.bmm(torch.randn(3, 4, 5), torch.randn(3, 5, 2))
#~ batch = torch.bmm(torch.randn(3, 4, 5), torch.randn(2, 5, 2))
reveal_type(batch)
reveal_type(torch.matmul(torch.randn(2, 1, 4, 5), torch.randn(3, 5, 6)))
reveal_type(a @ torch.randn(6))
reveal_type(torch.randn(5) @ a)
reveal_type(torch.dot(torch.randn(4), torch.randn(4)))
affine = torch.addmm(torch.randn(7), a, b)
#~ affine = torch.addmm(torch.randn(6), a, b)
reveal_type(affine)
reveal_type(torch.outer(torch.randn(3), torch.randn(4)))
reveal_type(torch.tensordot(torch.randn(3, 4, 5), torch.randn(4, 5, 6), dims=2))
reveal_type(torch.tensordot(torch.randn(3, 4, 5), torch.randn(5, 4, 6), dims=([1, 2], [1, 0])))  # open: pyrefly, mypy
reveal_type(torch.kron(torch.eye(2), torch.randn(3, 4)))
reveal_type(torch.cdist(torch.randn(10, 3), torch.randn(20, 3)))
reveal_type(torch.linalg.inv(torch.randn(4, 4)))
inverse = torch.linalg.inv(torch.randn(4, 4))
#~ inverse = torch.linalg.inv(torch.randn(4, 5))
u, s, vh = torch.linalg.svd(torch.randn(6, 4), full_matrices=False)
reveal_type(s)
reveal_type(u)
q, r = torch.linalg.qr(torch.randn(6, 4))
reveal_type(r)
solution = torch.linalg.solve(torch.randn(4, 4), torch.randn(4, 2))
#~ solution = torch.linalg.solve(torch.randn(4, 4), torch.randn(3, 2))
reveal_type(solution)
reveal_type(torch.linalg.cholesky(torch.eye(3)))
reveal_type(torch.linalg.det(torch.randn(2, 3, 3)))
reveal_type(torch.linalg.vector_norm(a, dim=1))
values, vectors = torch.linalg.eigh(torch.eye(5))
reveal_type(vectors)
reveal_type(torch.cross(torch.randn(7, 3), torch.randn(7, 3), dim=1))
reveal_type(torch.trace(torch.eye(3)))
mixed = torch.baddbmm(torch.zeros(3, 4, 2), torch.randn(3, 4, 5), torch.randn(3, 5, 2))
reveal_type(mixed)
reveal_type(torch.linalg.multi_dot([a, b, torch.randn(7, 2)]))  # open: pyrefly, mypy
reveal_type(torch.fft.rfft(torch.randn(3, 16)))
