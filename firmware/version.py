"""The version that the appliance tells."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("scanside")
except PackageNotFoundError:
    VERSION = "0+unknown"
