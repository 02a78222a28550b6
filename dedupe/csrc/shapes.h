/* Shapes: repair/shape.py, find_shapes. */
#pragma once

#include "common.h"
#include "tokens.h"

#define MARKED 0x2100 /* code points below it have an entry in `marks`; those above share the one behind */
#define SOUND 0x8000u /* in `marks`: may stand beside its like */

static inline uint32_t entry_of(uint32_t code) { return code < MARKED ? code : MARKED; }

/* Whether the word that ends at a space is that before it over again. */
typedef struct {
    Py_ssize_t begin, size; /* the word before; `begin`: of this one */
} LastWord;

static inline int is_repeated(const uint8_t *text, Py_ssize_t end, LastWord *word)
{
    Py_ssize_t size = end - word->begin;
    int repeated = size && size == word->size && !memcmp(text + word->begin, text + word->begin - size - 1, (size_t)size);
    *word = (LastWord){end + 1, size};
    return repeated;
}

/* Whether a word is among others, all of them between spaces. */
static int is_among(const uint8_t *words, Py_ssize_t size, const uint8_t *word, Py_ssize_t length)
{
    for (Py_ssize_t at = 1; at + length < size; at++)
        if (words[at - 1] == ' ' && words[at + length] == ' ' && !memcmp(words + at, word, (size_t)length))
            return 1;
    return 0;
}

PyDoc_STRVAR(shapes_doc, "shapes(text, classes, table, marks, twice, doubled, neighbours): the bits, all together, of what a text holds.\n\n"
                         "classes: uint8, 256 of them below 16; table: uint32, 4096 of them, by the classes of three bytes in a row.\n"
                         "marks: uint16, by code point below 0x2100, and one for all others; 0x8000 marks what is sound and is no bit.\n"
                         "twice: words between spaces; doubled: the bit of one of them that stands twice; neighbours: of two characters beyond ASCII of which one is not sound.");

static PyObject *shapes(PyObject *module, PyObject *args)
{
    Py_buffer v[5] = {{0}};
    unsigned int doubled, neighbours;
    if (!PyArg_ParseTuple(args, "s*y*y*y*y*II", &v[0], &v[1], &v[2], &v[3], &v[4], &doubled, &neighbours))
        return NULL;
    const uint8_t *text = v[0].buf, *classes = v[1].buf;
    const uint32_t *table = v[2].buf;
    const uint16_t *marks = v[3].buf;
    const Py_ssize_t size = v[0].len;
    if (v[1].len != 256 || COUNT(v[2], uint32_t) != 4096 || COUNT(v[3], uint16_t) != MARKED + 1)
        return finish(v, 5, 0, BAD_SIZES);
    uint32_t place = 0, bits = 0;
    Py_BEGIN_ALLOW_THREADS
    LastWord word = {0, 0};
    uint32_t before = SOUND; /* the marks of the character before, if it is beyond ASCII */
    for (Py_ssize_t i = 0; i < size; i++) {
        uint8_t byte = text[i];
        place = (place << 4 | (classes[byte] & 15)) & 4095;
        bits |= table[place];
        if (byte < 0x80) {
            bits |= marks[byte];
            before = 0;
            if (byte == ' ' && is_repeated(text, i, &word) && is_among(v[4].buf, v[4].len, text + i - word.size, word.size))
                bits |= doubled;
        } else if (byte >= 0xC0 && size - i >= (byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4)) {
            int length;
            uint32_t here = marks[entry_of(read_code(text + i, &length))];
            if (i && text[i - 1] >= 0x80 && !(before & here & SOUND))
                bits |= neighbours;
            before = here;
            bits |= here;
        }
    }
    Py_END_ALLOW_THREADS
    return finish(v, 5, bits & ~SOUND, NULL);
}
