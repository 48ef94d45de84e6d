"""The TensorFlow operations that a detector's graph may consist of: those that only compute."""

from __future__ import annotations

_COMPUTING = """
Abs AccumulateNV2 Acos Acosh Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin Asin Asinh Atan Atan2 Atanh
BatchMatMul BatchMatMulV2 BatchMatMulV3 Betainc Bincount Bitcast BitwiseAnd BitwiseOr BitwiseXor Bucketize Cast Ceil
ClipByValue Cos Cosh Cross Cumprod Cumsum CumulativeLogsumexp DenseBincount Diag DiagPart Digamma Div DivNoNan Einsum
Equal Erf Erfc Erfinv EuclideanNorm Exp Expint Expm1 Floor FloorDiv FloorMod Greater GreaterEqual HistogramFixedWidth
Igamma Igammac InTopK InTopKV2 Inv Invert IsFinite IsInf IsNan L2Loss LeftShift Less LessEqual Lgamma LinSpace Log
Log1p LogicalAnd LogicalNot LogicalOr LowerBound MatMul MatrixBandPart MatrixDeterminant MatrixDiag MatrixDiagPart
MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixInverse MatrixSetDiag MatrixSetDiagV2
MatrixSetDiagV3 MatrixSolve Max Maximum Mean Min Minimum Mod Mul MulNoNan Ndtri Neg NextAfter NotEqual NthElement
Polygamma PopulationCount Pow Prod Range Real RealDiv Reciprocal RightShift Rint Round Rsqrt SegmentMax SegmentMean
SegmentMin SegmentProd SegmentSum Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Square SquaredDifference Sub Sum Tan
Tanh TopK TopKV2 TruncateDiv TruncateMod UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum
UpperBound Xdivy Xlog1py Xlogy Zeta
"""

_SHAPING = """
BatchToSpace BatchToSpaceND BroadcastArgs BroadcastTo Concat ConcatOffset ConcatV2 Const DepthToSpace DynamicPartition
DynamicStitch EnsureShape ExpandDims Fill Gather GatherNd GatherV2 Identity IdentityN InvertPermutation ListDiff
MirrorPad NoOp OneHot OnesLike Pack Pad PadV2 ParallelConcat ParallelDynamicStitch Placeholder PlaceholderV2
PlaceholderWithDefault PreventGradient Rank Reshape ResourceGather Reverse ReverseSequence ReverseV2 Roll ScatterNd
Select SelectV2 Shape ShapeN Size Slice Snapshot SpaceToBatch SpaceToBatchND SpaceToDepth SparseToDense Split SplitV
Squeeze StopGradient StridedSlice TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub
TensorScatterUpdate TensorStridedSliceUpdate Tile Transpose Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2 Unpack
UnravelIndex Where ZerosLike
"""

_NETWORKS = """
AvgPool AvgPool3D BatchNormWithGlobalNormalization BiasAdd BiasAddV1 Conv Conv2D Conv2DBackpropInput Conv3D
DepthwiseConv2dNative Dequantize Dilation2D Elu ExtractImagePatches FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
FakeQuantWithMinMaxVarsPerChannel FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 FusedPadConv2D
FusedResizeAndPadConv2D LRN LeakyRelu LogSoftmax MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax QuantizeAndDequantize
QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizeDownAndShrinkRange QuantizeV2
QuantizedAdd QuantizedAvgPool QuantizedBiasAdd QuantizedConcat QuantizedConv2D QuantizedMatMul QuantizedMaxPool
QuantizedMul QuantizedRelu QuantizedRelu6 QuantizedReshape QuantizedResizeBilinear Relu Relu6 RequantizationRange
Requantize Selu Softmax
"""

_IMAGES = """
AdjustContrastv2 AdjustHue AdjustSaturation CombinedNonMaxSuppression CropAndResize DrawBoundingBoxes
DrawBoundingBoxesV2 ExtractGlimpse ExtractGlimpseV2 GenerateBoundingBoxProposals HSVToRGB ImageProjectiveTransformV2
ImageProjectiveTransformV3 NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4
NonMaxSuppressionV5 NonMaxSuppressionWithOverlaps RGBToHSV ResizeArea ResizeBicubic ResizeBilinear
ResizeNearestNeighbor ScaleAndTranslate
"""

_CONTROL = """
Assert Case ControlTrigger Enter Exit FakeParam For If LoopCond MapDefun Merge NextIteration PartitionedCall
StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile Switch While
"""

_LISTS = """
EmptyTensorList TensorArrayCloseV3 TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3 TensorArrayScatterV3
TensorArraySizeV3 TensorArraySplitV3 TensorArrayV3 TensorArrayWriteV3 TensorListConcatV2 TensorListElementShape
TensorListFromTensor TensorListGather TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack
TensorListReserve TensorListResize TensorListScatter TensorListScatterIntoExistingList TensorListScatterV2
TensorListSetItem TensorListSplit TensorListStack
"""

_RANDOM = """
RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt StatelessRandomNormalV2 StatelessRandomUniform
StatelessRandomUniformIntV2 StatelessRandomUniformV2 TruncatedNormal
"""

_VARIABLES = (
    "Assign AssignVariableOp DisableCopyOnRead ReadVariableOp VarHandleOp VarIsInitializedOp Variable VariableV2"
)

_SAVER = """
MergeV2Checkpoints RestoreV2 SaveV2 ShardedFilename StaticRegexFullMatch StringJoin
"""

FROZEN = frozenset(" ".join((_COMPUTING, _SHAPING, _NETWORKS, _IMAGES, _CONTROL, _LISTS, _RANDOM)).split())
"""What a frozen graph may consist of."""

SERVING = FROZEN | set(_VARIABLES.split())
"""What a SavedModel's signature may run: a frozen graph's operations and variables."""

SAVER = SERVING | set(_SAVER.split())
"""What the part of a SavedModel that saves and restores its variables consists of besides."""
