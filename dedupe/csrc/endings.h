/* How texts end: repair/endings.py, find_truncated. */
#pragma once

#include "common.h"
#include "tokens.h"
#include "words.h"

#define ENDINGS 256

typedef struct {
    const uint8_t *bytes;
    Py_ssize_t size;
} Ending;

/* Where the text ends without the white space behind it. */
static const uint8_t *strip_white(const uint8_t *begin, const uint8_t *end)
{
    while (end > begin) {
        const uint8_t *p = end - 1;
        while (p > begin && (*p & 0xC0) == 0x80)
            p--;
        int size;
        if (*p < 0x80 ? !ascii_white[*p] : !is_white(read_code(p, &size)))
            break;
        end = p;
    }
    return end;
}

/* Whether a text, in small letters, ends in these bytes. A space stands for any white space or byte beyond ASCII and, as the first, for the
   beginning of the text, too. */
static int ends_in(const uint8_t *begin, const uint8_t *end, const Ending *ending)
{
    for (Py_ssize_t i = ending->size; i-- > 0;) {
        int is_space = ending->bytes[i] == ' ';
        if (end == begin)
            return is_space && !i;
        uint8_t byte = *--end;
        if (is_space ? byte < 0x80 && !ascii_white[byte] : byte >= 0x80 || ascii_lower[byte] != ending->bytes[i])
            return 0;
    }
    return 1;
}

PyDoc_STRVAR(may_end_in_doc, "may_end_in(texts, endings, flags): sets the flag (a byte) of each of a tuple of str or UTF-8 bytes that may end in one of some\n"
                             "endings, white space and capitals aside, or that has no UTF-8.\n\n"
                             "endings: a tuple of ASCII bytes in small letters; a space stands for any white space or byte beyond ASCII and, as the\n"
                             "first, for the beginning of the text, too.");

static PyObject *may_end_in(PyObject *module, PyObject *args)
{
    PyObject *texts, *list;
    Py_buffer v[1] = {{0}};
    Ending endings[ENDINGS];
    if (!PyArg_ParseTuple(args, "O!O!w*", &PyTuple_Type, &texts, &PyTuple_Type, &list, &v[0]))
        return NULL;
    uint8_t *flags = v[0].buf;
    Py_ssize_t count = PyTuple_Size(texts), number = PyTuple_Size(list);
    if (v[0].len != count || number > ENDINGS)
        return finish(v, 1, 0, BAD_SIZES);
    for (Py_ssize_t i = 0; i < number; i++) {
        char *bytes;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(list, i), &bytes, &endings[i].size) < 0) {
            release(v, 1);
            return NULL;
        }
        endings[i].bytes = (const uint8_t *)bytes;
    }
    Source *sources = gather_texts(texts, count);
    if (!sources) {
        release(v, 1);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t d = 0; d < count; d++) {
        const uint8_t *begin = sources[d].text, *end = strip_white(begin, begin + sources[d].size);
        flags[d] = (uint8_t)(sources[d].refused || sources[d].folded);
        for (Py_ssize_t i = 0; i < number && !flags[d]; i++)
            flags[d] = (uint8_t)ends_in(begin, end, &endings[i]);
    }
    Py_END_ALLOW_THREADS
    free(sources);
    return finish(v, 1, count, NULL);
}
