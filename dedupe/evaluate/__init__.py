"""Evaluation: a finished run judged by a truth that the run never saw.

truth                 the three truth files, read and checked
windows               edits and truth rows that touch, compared by the text they produce
edits, report         wording repairs: precision, recall, harm, residual spin     dedupe eval edits
gate, similarity      the spin gate's ROC; how near a text is to its original
pairs, clusters       what was found                                              dedupe eval pairs, clusters
"""
