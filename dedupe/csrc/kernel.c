/* The compiled kernel: the loops over every byte, word and shingle of a corpus, which NumPy can only do in many passes.

   One file a topic, named after the Python code that it is the twin of; this one puts them together, so that all of them are compiled as one.
   Each function gives the same bits as the NumPy code it stands in for, named above it; tests compare the two. Bytes come in
   and arrays go out by the buffer protocol; the caller makes the arrays. The global lock is released while a batch is in work,
   so threads use all cores. Only the stable ABI is used: one build serves all later Pythons. Offsets that come in are checked
   before they are followed, so that wrong ones are an error and never a crash.
*/
#include "common.h"
#include "tokens.h"
#include "shingles.h"
#include "sets.h"
#include "signatures.h"
#include "digests.h"
#include "profile.h"
#include "fingerprints.h"
#include "lookup.h"
#include "verify.h"
#include "despun.h"
#include "align.h"
#include "locate.h"
#include "boilerplate.h"
#include "bands.h"
#include "buckets.h"
#include "classes.h"
#include "terms.h"
#include "columns.h"
#include "stories.h"
#include "words.h"
#include "endings.h"
#include "sieve.h"
#include "shapes.h"
#include "outline.h"
#include "variants.h"
#include "templates.h"
#include "lines.h"

static PyMethodDef methods[] = {
    {"tokenize", tokenize, METH_VARARGS, tokenize_doc},
    {"blocks", blocks, METH_VARARGS, blocks_doc},
    {"combining", combining, METH_VARARGS, combining_doc},
    {"xxh32_spans", xxh32_spans, METH_VARARGS, xxh32_doc},
    {"shingle", shingle, METH_VARARGS, shingle_doc},
    {"collect", collect, METH_VARARGS, collect_doc},
    {"sign", sign, METH_VARARGS, sign_doc},
    {"profile", profile, METH_VARARGS, profile_doc},
    {"winnow", winnow, METH_VARARGS, winnow_doc},
    {"count_shared", count_shared, METH_VARARGS, count_doc},
    {"count_despun", count_despun, METH_VARARGS, count_despun_doc},
    {"align", align, METH_VARARGS, align_doc},
    {"count_marked", count_marked, METH_VARARGS, count_marked_doc},
    {"locate", locate, METH_VARARGS, locate_doc},
    {"frequent", frequent, METH_VARARGS, frequent_doc},
    {"count_equal", count_equal, METH_VARARGS, count_equal_doc},
    {"gather", gather, METH_VARARGS, gather_doc},
    {"pair_up", pair_up, METH_VARARGS, pair_up_doc},
    {"band_keys", band_keys, METH_VARARGS, band_keys_doc},
    {"despin", despin, METH_VARARGS, despin_doc},
    {"digest", digest, METH_VARARGS, digest_doc},
    {"sign_classes", sign_classes, METH_VARARGS, sign_classes_doc},
    {"terms", terms, METH_VARARGS, terms_doc},
    {"sieve_words", sieve_words, METH_VARARGS, sieve_words_doc},
    {"take_rows", take_rows, METH_VARARGS, take_rows_doc},
    {"spread", spread, METH_VARARGS, spread_doc},
    {"encode", encode, METH_VARARGS, encode_doc},
    {"weigh_texts", weigh_texts, METH_VARARGS, weigh_texts_doc},
    {"compare_terms", compare_terms, METH_VARARGS, compare_terms_doc},
    {"find_evidence", find_evidence, METH_VARARGS, find_evidence_doc},
    {"match_words", match_words, METH_VARARGS, match_words_doc},
    {"count_words", count_words, METH_O, count_words_doc},
    {"count_each", count_each, METH_VARARGS, count_each_doc},
    {"may_end_in", may_end_in, METH_VARARGS, may_end_in_doc},
    {"file_words", file_words, METH_VARARGS, file_words_doc},
    {"find_forms", find_forms, METH_VARARGS, find_forms_doc},
    {"weigh_forms", weigh_forms, METH_VARARGS, weigh_forms_doc},
    {"shapes", shapes, METH_VARARGS, shapes_doc},
    {"outline", outline, METH_VARARGS, outline_doc},
    {"spellings", spellings, METH_VARARGS, spellings_doc},
    {"read_lines", read_lines, METH_VARARGS, read_lines_doc},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module)
{
    fill_ascii_forms();
#ifdef AVX2
    fill_kept_places();
    has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
#ifdef AVX512
    has_avx512 = has_avx2 && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
                 && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi2");
#endif
#endif
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)execute}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "dedupe._kernel", "The compiled kernel; `dedupe/kernel.py` says what it is for.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModuleDef_Init(&definition);
}
