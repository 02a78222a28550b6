/* Words as people count them: text/words.py, count_words. */
#pragma once

#include "common.h"
#include "tokens.h"

/* What str.isspace says of ASCII, and beyond it. */
static const uint8_t ascii_white[128] = {['\t'] = 1, ['\n'] = 1, ['\v'] = 1, ['\f'] = 1, ['\r'] = 1, [0x1C] = 1, [0x1D] = 1, [0x1E] = 1, [0x1F] = 1, [' '] = 1};

static int is_white(uint32_t code)
{
    return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029
           || code == 0x202F || code == 0x205F || code == 0x3000;
}

#ifdef AVX2

/* Which bytes are at most `most`, as unsigned numbers. */
AVX2 static inline __m256i at_most(__m256i bytes, uint8_t most)
{
    return _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8((char)most)), bytes);
}

/* Counts on as long as 32 bytes together hold none with which white space beyond ASCII begins: where it ended. */
AVX2 static const uint8_t *count_wide(const uint8_t *p, const uint8_t *end, int *before, Py_ssize_t *words)
{
    uint32_t in_word = (uint32_t)*before << 31;
    for (; end - p >= 32; p += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)p);
        __m256i shifted = _mm256_sub_epi8(bytes, _mm256_set1_epi8((char)0xE1));
        __m256i leads = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8((char)0xC2)), at_most(shifted, 2));
        if (_mm256_movemask_epi8(leads))
            break;
        __m256i breaks = at_most(_mm256_sub_epi8(bytes, _mm256_set1_epi8('\t')), '\r' - '\t');
        __m256i spaces = at_most(_mm256_sub_epi8(bytes, _mm256_set1_epi8(0x1C)), ' ' - 0x1C);
        uint32_t white = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(breaks, spaces));
        uint32_t now = ~white;
        *words += __builtin_popcount(now & ~(now << 1 | in_word >> 31));
        in_word = now;
    }
    *before = (int)(in_word >> 31);
    return p;
}

#endif

/* How many words a text in UTF-8 has. */
static Py_ssize_t count_in(const uint8_t *p, const uint8_t *end)
{
    Py_ssize_t words = 0;
    int before = 0;
    while (p < end) {
#ifdef AVX2
        if (has_avx2)
            p = count_wide(p, end, &before, &words);
        while (p < end && (*p & 0xC0) == 0x80) /* the rest of a letter */
            p++;
#endif
        for (const uint8_t *stop = end - p > 32 ? p + 32 : end; p < stop;) {
            int length = 1, in_word = *p < 0x80 ? !ascii_white[*p] : !is_white(read_code(p, &length));
            words += in_word & ~before;
            before = in_word;
            p += length;
        }
    }
    return words;
}

PyDoc_STRVAR(count_words_doc, "count_words(text): how many words a str has between white space; -1 if it has no UTF-8.");

static PyObject *count_words(PyObject *module, PyObject *text)
{
    Py_ssize_t size;
    const uint8_t *p = PyUnicode_Check(text) ? (const uint8_t *)PyUnicode_AsUTF8AndSize(text, &size) : NULL;
    if (!p) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "not a str");
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return NULL;
        PyErr_Clear();
        return PyLong_FromLong(-1);
    }
    return PyLong_FromSsize_t(count_in(p, p + size));
}

PyDoc_STRVAR(count_each_doc, "count_each(texts, counts): fills how many words (int64) each of a tuple of str or UTF-8 bytes has; -1 if it has no UTF-8.");

static PyObject *count_each(PyObject *module, PyObject *args)
{
    PyObject *texts;
    Py_buffer v[1] = {{0}};
    if (!PyArg_ParseTuple(args, "O!w*", &PyTuple_Type, &texts, &v[0]))
        return NULL;
    int64_t *counts = v[0].buf;
    Py_ssize_t count = PyTuple_Size(texts);
    if (COUNT(v[0], int64_t) != count)
        return finish(v, 1, 0, BAD_SIZES);
    Source *sources = gather_texts(texts, count);
    if (!sources) {
        release(v, 1);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++)
        counts[i] = sources[i].refused || sources[i].folded ? -1 : count_in(sources[i].text, sources[i].text + sources[i].size);
    Py_END_ALLOW_THREADS
    free(sources);
    return finish(v, 1, count, NULL);
}
