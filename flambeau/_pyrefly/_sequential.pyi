# ruff: noqa
# fmt: off
# mypy: ignore-errors
"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""

import shape_extensions.dsl as dsl
from shape_extensions import IntTuple, IntTuples, type_shape_dsl_function

@type_shape_dsl_function
def in_a_row(codes: IntTuples) -> IntTuple:
    if len(codes) == 0:
        return dsl.IntTuple((0,))
    c0 = codes[0]
    f0 = dsl.concat(c0, dsl.IntTuple(0 for i in range((20 - len(c0) % 20) % 20)))
    k0 = dsl.IntTuple(one for one in f0 if c0[0] != 0)
    j0 = dsl.concat(k0, dsl.IntTuple(()))
    if len(codes) == 1:
        return j0
    c1 = codes[1]
    f1 = dsl.concat(c1, dsl.IntTuple(0 for i in range((20 - len(c1) % 20) % 20)))
    k1 = dsl.IntTuple(one for one in f1 if c1[0] != 0 and (f1[0] != 7 or f1[1] != f0[2] or len(c0) > 20 or f0[0] != 31 and f0[0] != 32 and f0[0] != 33 and f0[0] != 41 and f0[0] != 42 and f0[0] != 43))
    j1 = dsl.concat(j0, k1)
    if len(codes) == 2:
        return j1
    c2 = codes[2]
    f2 = dsl.concat(c2, dsl.IntTuple(0 for i in range((20 - len(c2) % 20) % 20)))
    k2 = dsl.IntTuple(one for one in f2 if c2[0] != 0 and (f2[0] != 7 or f2[1] != f1[2] or len(c1) > 20 or f1[0] != 31 and f1[0] != 32 and f1[0] != 33 and f1[0] != 41 and f1[0] != 42 and f1[0] != 43))
    j2 = dsl.concat(j1, k2)
    if len(codes) == 3:
        return j2
    c3 = codes[3]
    f3 = dsl.concat(c3, dsl.IntTuple(0 for i in range((20 - len(c3) % 20) % 20)))
    k3 = dsl.IntTuple(one for one in f3 if c3[0] != 0 and (f3[0] != 7 or f3[1] != f2[2] or len(c2) > 20 or f2[0] != 31 and f2[0] != 32 and f2[0] != 33 and f2[0] != 41 and f2[0] != 42 and f2[0] != 43))
    j3 = dsl.concat(j2, k3)
    if len(codes) == 4:
        return j3
    c4 = codes[4]
    f4 = dsl.concat(c4, dsl.IntTuple(0 for i in range((20 - len(c4) % 20) % 20)))
    k4 = dsl.IntTuple(one for one in f4 if c4[0] != 0 and (f4[0] != 7 or f4[1] != f3[2] or len(c3) > 20 or f3[0] != 31 and f3[0] != 32 and f3[0] != 33 and f3[0] != 41 and f3[0] != 42 and f3[0] != 43))
    j4 = dsl.concat(j3, k4)
    if len(codes) == 5:
        return j4
    c5 = codes[5]
    f5 = dsl.concat(c5, dsl.IntTuple(0 for i in range((20 - len(c5) % 20) % 20)))
    k5 = dsl.IntTuple(one for one in f5 if c5[0] != 0 and (f5[0] != 7 or f5[1] != f4[2] or len(c4) > 20 or f4[0] != 31 and f4[0] != 32 and f4[0] != 33 and f4[0] != 41 and f4[0] != 42 and f4[0] != 43))
    j5 = dsl.concat(j4, k5)
    if len(codes) == 6:
        return j5
    c6 = codes[6]
    f6 = dsl.concat(c6, dsl.IntTuple(0 for i in range((20 - len(c6) % 20) % 20)))
    k6 = dsl.IntTuple(one for one in f6 if c6[0] != 0 and (f6[0] != 7 or f6[1] != f5[2] or len(c5) > 20 or f5[0] != 31 and f5[0] != 32 and f5[0] != 33 and f5[0] != 41 and f5[0] != 42 and f5[0] != 43))
    j6 = dsl.concat(j5, k6)
    if len(codes) == 7:
        return j6
    c7 = codes[7]
    f7 = dsl.concat(c7, dsl.IntTuple(0 for i in range((20 - len(c7) % 20) % 20)))
    k7 = dsl.IntTuple(one for one in f7 if c7[0] != 0 and (f7[0] != 7 or f7[1] != f6[2] or len(c6) > 20 or f6[0] != 31 and f6[0] != 32 and f6[0] != 33 and f6[0] != 41 and f6[0] != 42 and f6[0] != 43))
    j7 = dsl.concat(j6, k7)
    if len(codes) == 8:
        return j7
    c8 = codes[8]
    f8 = dsl.concat(c8, dsl.IntTuple(0 for i in range((20 - len(c8) % 20) % 20)))
    k8 = dsl.IntTuple(one for one in f8 if c8[0] != 0 and (f8[0] != 7 or f8[1] != f7[2] or len(c7) > 20 or f7[0] != 31 and f7[0] != 32 and f7[0] != 33 and f7[0] != 41 and f7[0] != 42 and f7[0] != 43))
    j8 = dsl.concat(j7, k8)
    if len(codes) == 9:
        return j8
    c9 = codes[9]
    f9 = dsl.concat(c9, dsl.IntTuple(0 for i in range((20 - len(c9) % 20) % 20)))
    k9 = dsl.IntTuple(one for one in f9 if c9[0] != 0 and (f9[0] != 7 or f9[1] != f8[2] or len(c8) > 20 or f8[0] != 31 and f8[0] != 32 and f8[0] != 33 and f8[0] != 41 and f8[0] != 42 and f8[0] != 43))
    j9 = dsl.concat(j8, k9)
    if len(codes) == 10:
        return j9
    c10 = codes[10]
    f10 = dsl.concat(c10, dsl.IntTuple(0 for i in range((20 - len(c10) % 20) % 20)))
    k10 = dsl.IntTuple(one for one in f10 if c10[0] != 0 and (f10[0] != 7 or f10[1] != f9[2] or len(c9) > 20 or f9[0] != 31 and f9[0] != 32 and f9[0] != 33 and f9[0] != 41 and f9[0] != 42 and f9[0] != 43))
    j10 = dsl.concat(j9, k10)
    if len(codes) == 11:
        return j10
    c11 = codes[11]
    f11 = dsl.concat(c11, dsl.IntTuple(0 for i in range((20 - len(c11) % 20) % 20)))
    k11 = dsl.IntTuple(one for one in f11 if c11[0] != 0 and (f11[0] != 7 or f11[1] != f10[2] or len(c10) > 20 or f10[0] != 31 and f10[0] != 32 and f10[0] != 33 and f10[0] != 41 and f10[0] != 42 and f10[0] != 43))
    j11 = dsl.concat(j10, k11)
    if len(codes) == 12:
        return j11
    c12 = codes[12]
    f12 = dsl.concat(c12, dsl.IntTuple(0 for i in range((20 - len(c12) % 20) % 20)))
    k12 = dsl.IntTuple(one for one in f12 if c12[0] != 0 and (f12[0] != 7 or f12[1] != f11[2] or len(c11) > 20 or f11[0] != 31 and f11[0] != 32 and f11[0] != 33 and f11[0] != 41 and f11[0] != 42 and f11[0] != 43))
    j12 = dsl.concat(j11, k12)
    if len(codes) == 13:
        return j12
    c13 = codes[13]
    f13 = dsl.concat(c13, dsl.IntTuple(0 for i in range((20 - len(c13) % 20) % 20)))
    k13 = dsl.IntTuple(one for one in f13 if c13[0] != 0 and (f13[0] != 7 or f13[1] != f12[2] or len(c12) > 20 or f12[0] != 31 and f12[0] != 32 and f12[0] != 33 and f12[0] != 41 and f12[0] != 42 and f12[0] != 43))
    j13 = dsl.concat(j12, k13)
    if len(codes) == 14:
        return j13
    c14 = codes[14]
    f14 = dsl.concat(c14, dsl.IntTuple(0 for i in range((20 - len(c14) % 20) % 20)))
    k14 = dsl.IntTuple(one for one in f14 if c14[0] != 0 and (f14[0] != 7 or f14[1] != f13[2] or len(c13) > 20 or f13[0] != 31 and f13[0] != 32 and f13[0] != 33 and f13[0] != 41 and f13[0] != 42 and f13[0] != 43))
    j14 = dsl.concat(j13, k14)
    if len(codes) == 15:
        return j14
    c15 = codes[15]
    f15 = dsl.concat(c15, dsl.IntTuple(0 for i in range((20 - len(c15) % 20) % 20)))
    k15 = dsl.IntTuple(one for one in f15 if c15[0] != 0 and (f15[0] != 7 or f15[1] != f14[2] or len(c14) > 20 or f14[0] != 31 and f14[0] != 32 and f14[0] != 33 and f14[0] != 41 and f14[0] != 42 and f14[0] != 43))
    j15 = dsl.concat(j14, k15)
    if len(codes) == 16:
        return j15
    c16 = codes[16]
    f16 = dsl.concat(c16, dsl.IntTuple(0 for i in range((20 - len(c16) % 20) % 20)))
    k16 = dsl.IntTuple(one for one in f16 if c16[0] != 0 and (f16[0] != 7 or f16[1] != f15[2] or len(c15) > 20 or f15[0] != 31 and f15[0] != 32 and f15[0] != 33 and f15[0] != 41 and f15[0] != 42 and f15[0] != 43))
    j16 = dsl.concat(j15, k16)
    if len(codes) == 17:
        return j16
    c17 = codes[17]
    f17 = dsl.concat(c17, dsl.IntTuple(0 for i in range((20 - len(c17) % 20) % 20)))
    k17 = dsl.IntTuple(one for one in f17 if c17[0] != 0 and (f17[0] != 7 or f17[1] != f16[2] or len(c16) > 20 or f16[0] != 31 and f16[0] != 32 and f16[0] != 33 and f16[0] != 41 and f16[0] != 42 and f16[0] != 43))
    j17 = dsl.concat(j16, k17)
    if len(codes) == 18:
        return j17
    c18 = codes[18]
    f18 = dsl.concat(c18, dsl.IntTuple(0 for i in range((20 - len(c18) % 20) % 20)))
    k18 = dsl.IntTuple(one for one in f18 if c18[0] != 0 and (f18[0] != 7 or f18[1] != f17[2] or len(c17) > 20 or f17[0] != 31 and f17[0] != 32 and f17[0] != 33 and f17[0] != 41 and f17[0] != 42 and f17[0] != 43))
    j18 = dsl.concat(j17, k18)
    if len(codes) == 19:
        return j18
    c19 = codes[19]
    f19 = dsl.concat(c19, dsl.IntTuple(0 for i in range((20 - len(c19) % 20) % 20)))
    k19 = dsl.IntTuple(one for one in f19 if c19[0] != 0 and (f19[0] != 7 or f19[1] != f18[2] or len(c18) > 20 or f18[0] != 31 and f18[0] != 32 and f18[0] != 33 and f18[0] != 41 and f18[0] != 42 and f18[0] != 43))
    j19 = dsl.concat(j18, k19)
    if len(codes) == 20:
        return j19
    c20 = codes[20]
    f20 = dsl.concat(c20, dsl.IntTuple(0 for i in range((20 - len(c20) % 20) % 20)))
    k20 = dsl.IntTuple(one for one in f20 if c20[0] != 0 and (f20[0] != 7 or f20[1] != f19[2] or len(c19) > 20 or f19[0] != 31 and f19[0] != 32 and f19[0] != 33 and f19[0] != 41 and f19[0] != 42 and f19[0] != 43))
    j20 = dsl.concat(j19, k20)
    if len(codes) == 21:
        return j20
    c21 = codes[21]
    f21 = dsl.concat(c21, dsl.IntTuple(0 for i in range((20 - len(c21) % 20) % 20)))
    k21 = dsl.IntTuple(one for one in f21 if c21[0] != 0 and (f21[0] != 7 or f21[1] != f20[2] or len(c20) > 20 or f20[0] != 31 and f20[0] != 32 and f20[0] != 33 and f20[0] != 41 and f20[0] != 42 and f20[0] != 43))
    j21 = dsl.concat(j20, k21)
    if len(codes) == 22:
        return j21
    c22 = codes[22]
    f22 = dsl.concat(c22, dsl.IntTuple(0 for i in range((20 - len(c22) % 20) % 20)))
    k22 = dsl.IntTuple(one for one in f22 if c22[0] != 0 and (f22[0] != 7 or f22[1] != f21[2] or len(c21) > 20 or f21[0] != 31 and f21[0] != 32 and f21[0] != 33 and f21[0] != 41 and f21[0] != 42 and f21[0] != 43))
    j22 = dsl.concat(j21, k22)
    if len(codes) == 23:
        return j22
    c23 = codes[23]
    f23 = dsl.concat(c23, dsl.IntTuple(0 for i in range((20 - len(c23) % 20) % 20)))
    k23 = dsl.IntTuple(one for one in f23 if c23[0] != 0 and (f23[0] != 7 or f23[1] != f22[2] or len(c22) > 20 or f22[0] != 31 and f22[0] != 32 and f22[0] != 33 and f22[0] != 41 and f22[0] != 42 and f22[0] != 43))
    j23 = dsl.concat(j22, k23)
    if len(codes) == 24:
        return j23
    c24 = codes[24]
    f24 = dsl.concat(c24, dsl.IntTuple(0 for i in range((20 - len(c24) % 20) % 20)))
    k24 = dsl.IntTuple(one for one in f24 if c24[0] != 0 and (f24[0] != 7 or f24[1] != f23[2] or len(c23) > 20 or f23[0] != 31 and f23[0] != 32 and f23[0] != 33 and f23[0] != 41 and f23[0] != 42 and f23[0] != 43))
    j24 = dsl.concat(j23, k24)
    if len(codes) == 25:
        return j24
    c25 = codes[25]
    f25 = dsl.concat(c25, dsl.IntTuple(0 for i in range((20 - len(c25) % 20) % 20)))
    k25 = dsl.IntTuple(one for one in f25 if c25[0] != 0 and (f25[0] != 7 or f25[1] != f24[2] or len(c24) > 20 or f24[0] != 31 and f24[0] != 32 and f24[0] != 33 and f24[0] != 41 and f24[0] != 42 and f24[0] != 43))
    j25 = dsl.concat(j24, k25)
    if len(codes) == 26:
        return j25
    c26 = codes[26]
    f26 = dsl.concat(c26, dsl.IntTuple(0 for i in range((20 - len(c26) % 20) % 20)))
    k26 = dsl.IntTuple(one for one in f26 if c26[0] != 0 and (f26[0] != 7 or f26[1] != f25[2] or len(c25) > 20 or f25[0] != 31 and f25[0] != 32 and f25[0] != 33 and f25[0] != 41 and f25[0] != 42 and f25[0] != 43))
    j26 = dsl.concat(j25, k26)
    if len(codes) == 27:
        return j26
    c27 = codes[27]
    f27 = dsl.concat(c27, dsl.IntTuple(0 for i in range((20 - len(c27) % 20) % 20)))
    k27 = dsl.IntTuple(one for one in f27 if c27[0] != 0 and (f27[0] != 7 or f27[1] != f26[2] or len(c26) > 20 or f26[0] != 31 and f26[0] != 32 and f26[0] != 33 and f26[0] != 41 and f26[0] != 42 and f26[0] != 43))
    j27 = dsl.concat(j26, k27)
    if len(codes) == 28:
        return j27
    c28 = codes[28]
    f28 = dsl.concat(c28, dsl.IntTuple(0 for i in range((20 - len(c28) % 20) % 20)))
    k28 = dsl.IntTuple(one for one in f28 if c28[0] != 0 and (f28[0] != 7 or f28[1] != f27[2] or len(c27) > 20 or f27[0] != 31 and f27[0] != 32 and f27[0] != 33 and f27[0] != 41 and f27[0] != 42 and f27[0] != 43))
    j28 = dsl.concat(j27, k28)
    if len(codes) == 29:
        return j28
    c29 = codes[29]
    f29 = dsl.concat(c29, dsl.IntTuple(0 for i in range((20 - len(c29) % 20) % 20)))
    k29 = dsl.IntTuple(one for one in f29 if c29[0] != 0 and (f29[0] != 7 or f29[1] != f28[2] or len(c28) > 20 or f28[0] != 31 and f28[0] != 32 and f28[0] != 33 and f28[0] != 41 and f28[0] != 42 and f28[0] != 43))
    j29 = dsl.concat(j28, k29)
    if len(codes) == 30:
        return j29
    c30 = codes[30]
    f30 = dsl.concat(c30, dsl.IntTuple(0 for i in range((20 - len(c30) % 20) % 20)))
    k30 = dsl.IntTuple(one for one in f30 if c30[0] != 0 and (f30[0] != 7 or f30[1] != f29[2] or len(c29) > 20 or f29[0] != 31 and f29[0] != 32 and f29[0] != 33 and f29[0] != 41 and f29[0] != 42 and f29[0] != 43))
    j30 = dsl.concat(j29, k30)
    if len(codes) == 31:
        return j30
    c31 = codes[31]
    f31 = dsl.concat(c31, dsl.IntTuple(0 for i in range((20 - len(c31) % 20) % 20)))
    k31 = dsl.IntTuple(one for one in f31 if c31[0] != 0 and (f31[0] != 7 or f31[1] != f30[2] or len(c30) > 20 or f30[0] != 31 and f30[0] != 32 and f30[0] != 33 and f30[0] != 41 and f30[0] != 42 and f30[0] != 43))
    j31 = dsl.concat(j30, k31)
    if len(codes) == 32:
        return j31
    c32 = codes[32]
    f32 = dsl.concat(c32, dsl.IntTuple(0 for i in range((20 - len(c32) % 20) % 20)))
    k32 = dsl.IntTuple(one for one in f32 if c32[0] != 0 and (f32[0] != 7 or f32[1] != f31[2] or len(c31) > 20 or f31[0] != 31 and f31[0] != 32 and f31[0] != 33 and f31[0] != 41 and f31[0] != 42 and f31[0] != 43))
    j32 = dsl.concat(j31, k32)
    if len(codes) == 33:
        return j32
    c33 = codes[33]
    f33 = dsl.concat(c33, dsl.IntTuple(0 for i in range((20 - len(c33) % 20) % 20)))
    k33 = dsl.IntTuple(one for one in f33 if c33[0] != 0 and (f33[0] != 7 or f33[1] != f32[2] or len(c32) > 20 or f32[0] != 31 and f32[0] != 32 and f32[0] != 33 and f32[0] != 41 and f32[0] != 42 and f32[0] != 43))
    j33 = dsl.concat(j32, k33)
    if len(codes) == 34:
        return j33
    c34 = codes[34]
    f34 = dsl.concat(c34, dsl.IntTuple(0 for i in range((20 - len(c34) % 20) % 20)))
    k34 = dsl.IntTuple(one for one in f34 if c34[0] != 0 and (f34[0] != 7 or f34[1] != f33[2] or len(c33) > 20 or f33[0] != 31 and f33[0] != 32 and f33[0] != 33 and f33[0] != 41 and f33[0] != 42 and f33[0] != 43))
    j34 = dsl.concat(j33, k34)
    if len(codes) == 35:
        return j34
    c35 = codes[35]
    f35 = dsl.concat(c35, dsl.IntTuple(0 for i in range((20 - len(c35) % 20) % 20)))
    k35 = dsl.IntTuple(one for one in f35 if c35[0] != 0 and (f35[0] != 7 or f35[1] != f34[2] or len(c34) > 20 or f34[0] != 31 and f34[0] != 32 and f34[0] != 33 and f34[0] != 41 and f34[0] != 42 and f34[0] != 43))
    j35 = dsl.concat(j34, k35)
    if len(codes) == 36:
        return j35
    c36 = codes[36]
    f36 = dsl.concat(c36, dsl.IntTuple(0 for i in range((20 - len(c36) % 20) % 20)))
    k36 = dsl.IntTuple(one for one in f36 if c36[0] != 0 and (f36[0] != 7 or f36[1] != f35[2] or len(c35) > 20 or f35[0] != 31 and f35[0] != 32 and f35[0] != 33 and f35[0] != 41 and f35[0] != 42 and f35[0] != 43))
    j36 = dsl.concat(j35, k36)
    if len(codes) == 37:
        return j36
    c37 = codes[37]
    f37 = dsl.concat(c37, dsl.IntTuple(0 for i in range((20 - len(c37) % 20) % 20)))
    k37 = dsl.IntTuple(one for one in f37 if c37[0] != 0 and (f37[0] != 7 or f37[1] != f36[2] or len(c36) > 20 or f36[0] != 31 and f36[0] != 32 and f36[0] != 33 and f36[0] != 41 and f36[0] != 42 and f36[0] != 43))
    j37 = dsl.concat(j36, k37)
    if len(codes) == 38:
        return j37
    c38 = codes[38]
    f38 = dsl.concat(c38, dsl.IntTuple(0 for i in range((20 - len(c38) % 20) % 20)))
    k38 = dsl.IntTuple(one for one in f38 if c38[0] != 0 and (f38[0] != 7 or f38[1] != f37[2] or len(c37) > 20 or f37[0] != 31 and f37[0] != 32 and f37[0] != 33 and f37[0] != 41 and f37[0] != 42 and f37[0] != 43))
    j38 = dsl.concat(j37, k38)
    if len(codes) == 39:
        return j38
    c39 = codes[39]
    f39 = dsl.concat(c39, dsl.IntTuple(0 for i in range((20 - len(c39) % 20) % 20)))
    k39 = dsl.IntTuple(one for one in f39 if c39[0] != 0 and (f39[0] != 7 or f39[1] != f38[2] or len(c38) > 20 or f38[0] != 31 and f38[0] != 32 and f38[0] != 33 and f38[0] != 41 and f38[0] != 42 and f38[0] != 43))
    j39 = dsl.concat(j38, k39)
    if len(codes) == 40:
        return j39
    c40 = codes[40]
    f40 = dsl.concat(c40, dsl.IntTuple(0 for i in range((20 - len(c40) % 20) % 20)))
    k40 = dsl.IntTuple(one for one in f40 if c40[0] != 0 and (f40[0] != 7 or f40[1] != f39[2] or len(c39) > 20 or f39[0] != 31 and f39[0] != 32 and f39[0] != 33 and f39[0] != 41 and f39[0] != 42 and f39[0] != 43))
    j40 = dsl.concat(j39, k40)
    if len(codes) == 41:
        return j40
    c41 = codes[41]
    f41 = dsl.concat(c41, dsl.IntTuple(0 for i in range((20 - len(c41) % 20) % 20)))
    k41 = dsl.IntTuple(one for one in f41 if c41[0] != 0 and (f41[0] != 7 or f41[1] != f40[2] or len(c40) > 20 or f40[0] != 31 and f40[0] != 32 and f40[0] != 33 and f40[0] != 41 and f40[0] != 42 and f40[0] != 43))
    j41 = dsl.concat(j40, k41)
    if len(codes) == 42:
        return j41
    c42 = codes[42]
    f42 = dsl.concat(c42, dsl.IntTuple(0 for i in range((20 - len(c42) % 20) % 20)))
    k42 = dsl.IntTuple(one for one in f42 if c42[0] != 0 and (f42[0] != 7 or f42[1] != f41[2] or len(c41) > 20 or f41[0] != 31 and f41[0] != 32 and f41[0] != 33 and f41[0] != 41 and f41[0] != 42 and f41[0] != 43))
    j42 = dsl.concat(j41, k42)
    if len(codes) == 43:
        return j42
    c43 = codes[43]
    f43 = dsl.concat(c43, dsl.IntTuple(0 for i in range((20 - len(c43) % 20) % 20)))
    k43 = dsl.IntTuple(one for one in f43 if c43[0] != 0 and (f43[0] != 7 or f43[1] != f42[2] or len(c42) > 20 or f42[0] != 31 and f42[0] != 32 and f42[0] != 33 and f42[0] != 41 and f42[0] != 42 and f42[0] != 43))
    j43 = dsl.concat(j42, k43)
    if len(codes) == 44:
        return j43
    c44 = codes[44]
    f44 = dsl.concat(c44, dsl.IntTuple(0 for i in range((20 - len(c44) % 20) % 20)))
    k44 = dsl.IntTuple(one for one in f44 if c44[0] != 0 and (f44[0] != 7 or f44[1] != f43[2] or len(c43) > 20 or f43[0] != 31 and f43[0] != 32 and f43[0] != 33 and f43[0] != 41 and f43[0] != 42 and f43[0] != 43))
    j44 = dsl.concat(j43, k44)
    if len(codes) == 45:
        return j44
    c45 = codes[45]
    f45 = dsl.concat(c45, dsl.IntTuple(0 for i in range((20 - len(c45) % 20) % 20)))
    k45 = dsl.IntTuple(one for one in f45 if c45[0] != 0 and (f45[0] != 7 or f45[1] != f44[2] or len(c44) > 20 or f44[0] != 31 and f44[0] != 32 and f44[0] != 33 and f44[0] != 41 and f44[0] != 42 and f44[0] != 43))
    j45 = dsl.concat(j44, k45)
    if len(codes) == 46:
        return j45
    c46 = codes[46]
    f46 = dsl.concat(c46, dsl.IntTuple(0 for i in range((20 - len(c46) % 20) % 20)))
    k46 = dsl.IntTuple(one for one in f46 if c46[0] != 0 and (f46[0] != 7 or f46[1] != f45[2] or len(c45) > 20 or f45[0] != 31 and f45[0] != 32 and f45[0] != 33 and f45[0] != 41 and f45[0] != 42 and f45[0] != 43))
    j46 = dsl.concat(j45, k46)
    if len(codes) == 47:
        return j46
    c47 = codes[47]
    f47 = dsl.concat(c47, dsl.IntTuple(0 for i in range((20 - len(c47) % 20) % 20)))
    k47 = dsl.IntTuple(one for one in f47 if c47[0] != 0 and (f47[0] != 7 or f47[1] != f46[2] or len(c46) > 20 or f46[0] != 31 and f46[0] != 32 and f46[0] != 33 and f46[0] != 41 and f46[0] != 42 and f46[0] != 43))
    j47 = dsl.concat(j46, k47)
    if len(codes) == 48:
        return j47
    c48 = codes[48]
    f48 = dsl.concat(c48, dsl.IntTuple(0 for i in range((20 - len(c48) % 20) % 20)))
    k48 = dsl.IntTuple(one for one in f48 if c48[0] != 0 and (f48[0] != 7 or f48[1] != f47[2] or len(c47) > 20 or f47[0] != 31 and f47[0] != 32 and f47[0] != 33 and f47[0] != 41 and f47[0] != 42 and f47[0] != 43))
    j48 = dsl.concat(j47, k48)
    if len(codes) == 49:
        return j48
    c49 = codes[49]
    f49 = dsl.concat(c49, dsl.IntTuple(0 for i in range((20 - len(c49) % 20) % 20)))
    k49 = dsl.IntTuple(one for one in f49 if c49[0] != 0 and (f49[0] != 7 or f49[1] != f48[2] or len(c48) > 20 or f48[0] != 31 and f48[0] != 32 and f48[0] != 33 and f48[0] != 41 and f48[0] != 42 and f48[0] != 43))
    j49 = dsl.concat(j48, k49)
    if len(codes) == 50:
        return j49
    c50 = codes[50]
    f50 = dsl.concat(c50, dsl.IntTuple(0 for i in range((20 - len(c50) % 20) % 20)))
    k50 = dsl.IntTuple(one for one in f50 if c50[0] != 0 and (f50[0] != 7 or f50[1] != f49[2] or len(c49) > 20 or f49[0] != 31 and f49[0] != 32 and f49[0] != 33 and f49[0] != 41 and f49[0] != 42 and f49[0] != 43))
    j50 = dsl.concat(j49, k50)
    if len(codes) == 51:
        return j50
    c51 = codes[51]
    f51 = dsl.concat(c51, dsl.IntTuple(0 for i in range((20 - len(c51) % 20) % 20)))
    k51 = dsl.IntTuple(one for one in f51 if c51[0] != 0 and (f51[0] != 7 or f51[1] != f50[2] or len(c50) > 20 or f50[0] != 31 and f50[0] != 32 and f50[0] != 33 and f50[0] != 41 and f50[0] != 42 and f50[0] != 43))
    j51 = dsl.concat(j50, k51)
    if len(codes) == 52:
        return j51
    c52 = codes[52]
    f52 = dsl.concat(c52, dsl.IntTuple(0 for i in range((20 - len(c52) % 20) % 20)))
    k52 = dsl.IntTuple(one for one in f52 if c52[0] != 0 and (f52[0] != 7 or f52[1] != f51[2] or len(c51) > 20 or f51[0] != 31 and f51[0] != 32 and f51[0] != 33 and f51[0] != 41 and f51[0] != 42 and f51[0] != 43))
    j52 = dsl.concat(j51, k52)
    if len(codes) == 53:
        return j52
    c53 = codes[53]
    f53 = dsl.concat(c53, dsl.IntTuple(0 for i in range((20 - len(c53) % 20) % 20)))
    k53 = dsl.IntTuple(one for one in f53 if c53[0] != 0 and (f53[0] != 7 or f53[1] != f52[2] or len(c52) > 20 or f52[0] != 31 and f52[0] != 32 and f52[0] != 33 and f52[0] != 41 and f52[0] != 42 and f52[0] != 43))
    j53 = dsl.concat(j52, k53)
    if len(codes) == 54:
        return j53
    c54 = codes[54]
    f54 = dsl.concat(c54, dsl.IntTuple(0 for i in range((20 - len(c54) % 20) % 20)))
    k54 = dsl.IntTuple(one for one in f54 if c54[0] != 0 and (f54[0] != 7 or f54[1] != f53[2] or len(c53) > 20 or f53[0] != 31 and f53[0] != 32 and f53[0] != 33 and f53[0] != 41 and f53[0] != 42 and f53[0] != 43))
    j54 = dsl.concat(j53, k54)
    if len(codes) == 55:
        return j54
    c55 = codes[55]
    f55 = dsl.concat(c55, dsl.IntTuple(0 for i in range((20 - len(c55) % 20) % 20)))
    k55 = dsl.IntTuple(one for one in f55 if c55[0] != 0 and (f55[0] != 7 or f55[1] != f54[2] or len(c54) > 20 or f54[0] != 31 and f54[0] != 32 and f54[0] != 33 and f54[0] != 41 and f54[0] != 42 and f54[0] != 43))
    j55 = dsl.concat(j54, k55)
    if len(codes) == 56:
        return j55
    c56 = codes[56]
    f56 = dsl.concat(c56, dsl.IntTuple(0 for i in range((20 - len(c56) % 20) % 20)))
    k56 = dsl.IntTuple(one for one in f56 if c56[0] != 0 and (f56[0] != 7 or f56[1] != f55[2] or len(c55) > 20 or f55[0] != 31 and f55[0] != 32 and f55[0] != 33 and f55[0] != 41 and f55[0] != 42 and f55[0] != 43))
    j56 = dsl.concat(j55, k56)
    if len(codes) == 57:
        return j56
    c57 = codes[57]
    f57 = dsl.concat(c57, dsl.IntTuple(0 for i in range((20 - len(c57) % 20) % 20)))
    k57 = dsl.IntTuple(one for one in f57 if c57[0] != 0 and (f57[0] != 7 or f57[1] != f56[2] or len(c56) > 20 or f56[0] != 31 and f56[0] != 32 and f56[0] != 33 and f56[0] != 41 and f56[0] != 42 and f56[0] != 43))
    j57 = dsl.concat(j56, k57)
    if len(codes) == 58:
        return j57
    c58 = codes[58]
    f58 = dsl.concat(c58, dsl.IntTuple(0 for i in range((20 - len(c58) % 20) % 20)))
    k58 = dsl.IntTuple(one for one in f58 if c58[0] != 0 and (f58[0] != 7 or f58[1] != f57[2] or len(c57) > 20 or f57[0] != 31 and f57[0] != 32 and f57[0] != 33 and f57[0] != 41 and f57[0] != 42 and f57[0] != 43))
    j58 = dsl.concat(j57, k58)
    if len(codes) == 59:
        return j58
    c59 = codes[59]
    f59 = dsl.concat(c59, dsl.IntTuple(0 for i in range((20 - len(c59) % 20) % 20)))
    k59 = dsl.IntTuple(one for one in f59 if c59[0] != 0 and (f59[0] != 7 or f59[1] != f58[2] or len(c58) > 20 or f58[0] != 31 and f58[0] != 32 and f58[0] != 33 and f58[0] != 41 and f58[0] != 42 and f58[0] != 43))
    j59 = dsl.concat(j58, k59)
    if len(codes) == 60:
        return j59
    c60 = codes[60]
    f60 = dsl.concat(c60, dsl.IntTuple(0 for i in range((20 - len(c60) % 20) % 20)))
    k60 = dsl.IntTuple(one for one in f60 if c60[0] != 0 and (f60[0] != 7 or f60[1] != f59[2] or len(c59) > 20 or f59[0] != 31 and f59[0] != 32 and f59[0] != 33 and f59[0] != 41 and f59[0] != 42 and f59[0] != 43))
    j60 = dsl.concat(j59, k60)
    if len(codes) == 61:
        return j60
    c61 = codes[61]
    f61 = dsl.concat(c61, dsl.IntTuple(0 for i in range((20 - len(c61) % 20) % 20)))
    k61 = dsl.IntTuple(one for one in f61 if c61[0] != 0 and (f61[0] != 7 or f61[1] != f60[2] or len(c60) > 20 or f60[0] != 31 and f60[0] != 32 and f60[0] != 33 and f60[0] != 41 and f60[0] != 42 and f60[0] != 43))
    j61 = dsl.concat(j60, k61)
    if len(codes) == 62:
        return j61
    c62 = codes[62]
    f62 = dsl.concat(c62, dsl.IntTuple(0 for i in range((20 - len(c62) % 20) % 20)))
    k62 = dsl.IntTuple(one for one in f62 if c62[0] != 0 and (f62[0] != 7 or f62[1] != f61[2] or len(c61) > 20 or f61[0] != 31 and f61[0] != 32 and f61[0] != 33 and f61[0] != 41 and f61[0] != 42 and f61[0] != 43))
    j62 = dsl.concat(j61, k62)
    if len(codes) == 63:
        return j62
    c63 = codes[63]
    f63 = dsl.concat(c63, dsl.IntTuple(0 for i in range((20 - len(c63) % 20) % 20)))
    k63 = dsl.IntTuple(one for one in f63 if c63[0] != 0 and (f63[0] != 7 or f63[1] != f62[2] or len(c62) > 20 or f62[0] != 31 and f62[0] != 32 and f62[0] != 33 and f62[0] != 41 and f62[0] != 42 and f62[0] != 43))
    j63 = dsl.concat(j62, k63)
    if len(codes) == 64:
        return j63
    return dsl.IntTuple.gradual()
