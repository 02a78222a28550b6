"""Thin adapters: `Stream.process` as a step of other frameworks. Each module imports its framework, so import the one you use.

scrapy.py      an item pipeline for crawlers
datatrove.py   a step of a datatrove pipeline
datasets.py    a function for `datasets.Dataset.map`
"""
