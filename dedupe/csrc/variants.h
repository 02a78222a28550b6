/* Spellings: repair/variants.py, flag_variants. */
#pragma once

#include "common.h"
#include "tokens.h"
#include "classes.h"
#include "shapes.h"

#define LONGEST_NAME 64 /* letters */
#define FEWEST_LETTERS 5

/* A name as it reads when letters that transliteration writes either way are put down to one, and doubled ones to one. */
static int strip_name(uint8_t *name, int size, const uint8_t *rules, Py_ssize_t count)
{
    for (Py_ssize_t rule = 0; rule < count; rule += 3) {
        const uint8_t first = rules[rule], second = rules[rule + 1];
        int kept = 0;
        for (int i = 0; i < size; i++) {
            if (name[i] == first && (second == ' ' || (i + 1 < size && name[i + 1] == second))) {
                name[kept++] = rules[rule + 2];
                i += second != ' ';
            } else {
                name[kept++] = name[i];
            }
        }
        size = kept;
    }
    int kept = 0;
    for (int i = 0; i < size; i++)
        if (!kept || name[kept - 1] != name[i])
            name[kept++] = name[i];
    if (kept > 1 && name[kept - 2] == 'e' && name[kept - 1] == 'i')
        name[--kept - 1] = 'i';
    return kept;
}

/* The letters of the capitalised word at `*at`, in small letters, those beyond ASCII alike; moves on behind it. Gives back how many
   they are, 0 for a word of other capitals or too many letters, -1 where only Python knows what is a letter. */
static int read_name(const uint8_t *text, Py_ssize_t size, Py_ssize_t *at, const uint8_t *letters, uint8_t *name)
{
    int count = 0, is_name = 1;
    for (; *at < size; count++) {
        const uint8_t byte = text[*at];
        int length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
        if (length > size - *at)
            break;
        if (byte < 0x80) {
            if ((ascii_lower[byte] < 'a') | (ascii_lower[byte] > 'z'))
                break;
            is_name &= !count || byte == ascii_lower[byte];
        } else {
            uint32_t code = read_code(text + *at, &length);
            if (code >= MARKED)
                return -1;
            if (!letters[code])
                break;
        }
        if (count < LONGEST_NAME)
            name[count] = byte < 0x80 ? ascii_lower[byte] : 0x80;
        *at += length;
    }
    return count > LONGEST_NAME ? -1 : is_name ? count : 0;
}

PyDoc_STRVAR(spellings_doc, "spellings(text, letters, rules): whether a text may spell a name in two ways.\n\n"
                            "letters: uint8, which code points below 0x2100 are letters; rules: three bytes each, two letters (the second may be a\n"
                            "space) and the one that both are put down to.");

static PyObject *spellings(PyObject *module, PyObject *args)
{
    Py_buffer v[3] = {{0}};
    if (!PyArg_ParseTuple(args, "s*y*y*", &v[0], &v[1], &v[2]))
        return NULL;
    const uint8_t *text = v[0].buf, *letters = v[1].buf, *rules = v[2].buf;
    const Py_ssize_t size = v[0].len;
    const char *error = v[1].len != MARKED || v[2].len % 3 ? BAD_SIZES : NULL;
    int varies = 0;
    Py_BEGIN_ALLOW_THREADS
    /* pairs of stripped and full name, by hash; a name and the mark behind it take six bytes at least */
    size_t room = 16;
    while (room < (size_t)size / 3)
        room *= 2;
    uint64_t *known = error ? NULL : calloc(2 * room, sizeof *known);
    if (!error && !known)
        error = NO_MEMORY;
    for (Py_ssize_t at = 0; at < size && !error && !varies;) {
        uint8_t name[LONGEST_NAME];
        while (at < size && (uint8_t)(text[at] - 'A') > 'Z' - 'A')
            at++;
        if (at == size)
            break;
        if (at && text[at - 1] < 0x80 && is_letter[text[at - 1]]) {
            at++;
            continue;
        }
        const Py_ssize_t begin = at;
        int count = read_name(text, size, &at, letters, name);
        varies = count < 0;
        if (count < FEWEST_LETTERS)
            continue;
        const uint64_t spelling = hash_token(text + begin, at - begin, text + size) | 1;
        const uint64_t stripped = hash_token(name, strip_name(name, count, rules, v[2].len), name + LONGEST_NAME) | 1;
        size_t slot = (size_t)stripped >> 1 & (room - 1);
        while (known[2 * slot] && known[2 * slot] != stripped)
            slot = (slot + 1) & (room - 1);
        varies = known[2 * slot] && known[2 * slot + 1] != spelling;
        known[2 * slot] = stripped;
        known[2 * slot + 1] = spelling;
    }
    free(known);
    Py_END_ALLOW_THREADS
    return finish(v, 3, varies, error);
}
