"""Names of the encoders and the images they can take: plain data, without TensorFlow."""

KERAS_PREFIX = "keras:"

# Own networks, for images of any size from the smallest that `ImageConfig` allows.
OWN = ("c4", "c4n", "resnet9", "resnet9n", "resnet18", "resnet18n", "resnet18_large", "gradnet")
_OWN_MIN_SIDE = 8

# Networks of keras.applications, and the smallest height and width each accepts.
KERAS_APPLICATIONS = {
    **dict.fromkeys(("ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge"), 32),
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), 32),
    **{f"EfficientNetB{size}": 32 for size in range(8)},
    **{f"EfficientNetV2{size}": 32 for size in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    **dict.fromkeys(("InceptionResNetV2", "InceptionV3"), 75),
    **dict.fromkeys(("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"), 32),
    **dict.fromkeys(("NASNetMobile", "NASNetLarge"), 32),
    **{f"ResNet{depth}{version}": 32 for depth in (50, 101, 152) for version in ("", "V2")},
    **dict.fromkeys(("VGG16", "VGG19"), 32),
    "Xception": 71,
}


def encoder_names() -> tuple[str, ...]:
    """Names that `EncoderConfig.name` accepts, own networks first."""
    return (*OWN, *(f"{KERAS_PREFIX}{name}" for name in KERAS_APPLICATIONS))


def min_side(name: str) -> int:
    """Smallest height and width, in pixels, of the images that an encoder of this name takes."""
    return KERAS_APPLICATIONS.get(name.removeprefix(KERAS_PREFIX), _OWN_MIN_SIDE)
