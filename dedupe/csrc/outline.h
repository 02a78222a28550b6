/* Outlines: repair/outline.py, find_outline. */
#pragma once

#include "common.h"
#include "tokens.h"
#include "words.h"

#define OUTLINE_COLUMNS 8

typedef struct {
    int32_t *items;
    size_t count, room;
} Rows;

static int32_t *add_row(Rows *rows)
{
    if (rows->count + OUTLINE_COLUMNS > rows->room) {
        size_t room = 2 * rows->room + 32 * OUTLINE_COLUMNS;
        int32_t *items = realloc(rows->items, room * sizeof *items);
        if (!items)
            return NULL;
        rows->items = items;
        rows->room = room;
    }
    rows->count += OUTLINE_COLUMNS;
    return rows->items + rows->count - OUTLINE_COLUMNS;
}

static inline int ends_ascii_word(uint8_t byte) { return (byte == ' ') | ((uint8_t)(byte - '\t') < 5) | ((uint8_t)(byte - 0x1C) < 4); }

typedef struct {
    int32_t words, spaces, characters; /* words: those that another one follows, by white space in ASCII */
    int beyond;                        /* whether it may hold other white space */
} Count;

/* Counts what stands in [p, end), of which the last character is no white space; the compiler makes it wide. Of what begins with 0xE2, quotation
   marks and dashes are no white space. */
FOR_EACH_CPU static Count count_line(const uint8_t *p, const uint8_t *end)
{
    int32_t words = 0, spaces = 0, characters = 0, beyond = 0;
    for (; p + 2 < end; p++) {
        const int is_mark = (p[1] == 0x80) & ((uint8_t)(p[2] - 0x90) <= 0xA6 - 0x90);
        words += (ends_ascii_word(p[0]) == 0) & ends_ascii_word(p[1]);
        spaces += p[0] == ' ';
        characters += (p[0] & 0xC0) != 0x80;
        beyond += (p[0] == 0xC2) | (p[0] == 0xE1) | (p[0] == 0xE3) | ((p[0] == 0xE2) & (is_mark == 0));
    }
    for (; p < end; p++) {
        words += p + 1 < end && !ends_ascii_word(p[0]) && ends_ascii_word(p[1]);
        spaces += p[0] == ' ';
        characters += (p[0] & 0xC0) != 0x80;
    }
    return (Count){words, spaces, characters, beyond != 0};
}

/* The code point at p, or 0 where it is cut off before `end`. */
static inline uint32_t code_at(const uint8_t *p, const uint8_t *end, int *length)
{
    *length = *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
    return *length > end - p ? 0 : *length == 1 ? *p : read_code(p, length);
}

static inline int is_space(uint32_t code) { return code < 0x80 ? ascii_white[code] : is_white(code); }

/* The words of [p, end), white space beyond ASCII among them. */
static int32_t count_parted(const uint8_t *p, const uint8_t *end)
{
    int32_t words = 0;
    for (int length, before = 0; p < end; p += length) {
        int in_word = !is_space(code_at(p, end, &length));
        words += in_word & ~before;
        before = in_word;
    }
    return words;
}

/* Adds the line of the bytes [p, end), which begins at a code point, if it holds any text; gives back how many code points it has, -1 without memory. */
static int64_t take_line(Rows *rows, const uint8_t *p, const uint8_t *end, int64_t start)
{
    const uint8_t *first = p, *last = end;
    int length;
    uint32_t opening = 0, ending = 0;
    int32_t before = 0, behind = 0;
    for (; first < last && is_space(opening = code_at(first, last, &length)); first += length)
        before++;
    while (first < last) {
        const uint8_t *head = last - 1;
        while (head > first && (*head & 0xC0) == 0x80)
            head--;
        if (!is_space(ending = code_at(head, last, &length)))
            break;
        last = head;
        behind++;
    }
    if (first == last)
        return before;
    const Count count = count_line(first, last);
    int32_t *row = add_row(rows);
    if (!row)
        return -1;
    const int32_t begin = (int32_t)start + before, stop = begin + count.characters;
    const int32_t words = count.beyond ? count_parted(first, last) : count.words + 1;
    memcpy(row, (int32_t[OUTLINE_COLUMNS]){(int32_t)start, stop + behind, begin, stop, words, count.spaces, (int32_t)opening, (int32_t)ending},
           OUTLINE_COLUMNS * sizeof *row);
    return before + count.characters + behind;
}

PyDoc_STRVAR(outline_doc, "outline(text): of each line that holds any text, as bytes of int32 in rows of eight: start, end, the same without the\n"
                          "white space around, words, spaces between those, the first and the last code point. Places are in code points.");

static PyObject *outline(PyObject *module, PyObject *args)
{
    Py_buffer v[1] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "s*", &v[0]))
        return NULL;
    const uint8_t *p = v[0].buf, *end = p + v[0].len;
    if (v[0].len > INT32_MAX)
        return finish(v, 1, 0, BAD_SIZES);
    Rows rows = {NULL, 0, 0};
    Py_BEGIN_ALLOW_THREADS
    for (int64_t start = 0; p < end && !error;) {
        const uint8_t *line_end = memchr(p, '\n', (size_t)(end - p));
        int64_t taken = take_line(&rows, p, line_end ? line_end : end, start);
        error = taken < 0 ? NO_MEMORY : NULL;
        start += taken + 1;
        p = line_end ? line_end + 1 : end;
    }
    Py_END_ALLOW_THREADS
    PyObject *result = NULL;
    if (error) {
        finish(v, 1, 0, error);
    } else {
        release(v, 1);
        result = PyBytes_FromStringAndSize((const char *)rows.items, (Py_ssize_t)(rows.count * sizeof(int32_t)));
    }
    free(rows.items);
    return result;
}
