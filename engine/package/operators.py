"""The ONNX operators that a packaged network may use."""

from collections.abc import Sequence

from engine.package.manifest import CONTROL_FLOW

_NAMES = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift BitwiseAnd
BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu CenterCropPad Clip Concat Constant ConstantOfShape Conv
ConvInteger ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Det Div Dropout Einsum Elu Equal Erf Exp
Expand EyeLike Flatten Floor Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool
Greater GreaterOrEqual GridSample GroupNormalization GRU Hardmax HardSigmoid HardSwish Identity
InstanceNormalization IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization
LpPool LRN LSTM MatMul MatMulInteger Max MaxPool MaxUnpool Mean MeanVarianceNormalization Min Mish Mod Mul Neg Not
OneHot Or Pad Pow PRelu QLinearConv QLinearMatMul QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
ReverseSequence RNN RoiAlign Round ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice
Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu
Unsqueeze Where Xor
"""

ALLOWED = frozenset(_NAMES.split())
"""Deterministic, on plain tensors, with output sizes that follow from input sizes.

Left out: random numbers, sequences, optionals, strings, and what has as many outputs as the data want (NonZero, Unique,
NonMaxSuppression, Compress)."""


def why_refused(operator: str, domain: str, listed: Sequence[str]) -> tuple[str, str]:
    """What is wrong with an operator and what to do about it; two empty words when nothing is."""
    if domain not in ("", "ai.onnx"):
        mend = "export with the operators of ONNX itself; local functions can be inlined with onnx.inliner"
        return f"operator {domain}.{operator} is of an unknown domain", mend
    if operator in CONTROL_FLOW:
        mend = f'write control_flow = ["{operator}"] into the manifest if it is needed; better, export without it'
        return ("", "") if operator in listed else (f"operator {operator} is not listed in the manifest", mend)
    if operator not in ALLOWED:
        return f"operator {operator} is not in the list of allowed operators", "export without it"
    return "", ""
