"""Builds the compiled kernel where there is a C compiler; without one dedupe installs all the same and runs on NumPy."""

from glob import glob

from setuptools import Extension, setup

kernel = Extension(
    "dedupe._kernel",
    ["dedupe/csrc/kernel.c"],
    depends=glob("dedupe/csrc/*.h"),
    extra_compile_args=["-O3"],
    py_limited_api=True,
    optional=True,
)
setup(ext_modules=[kernel], options={"bdist_wheel": {"py_limited_api": "cp311"}})
