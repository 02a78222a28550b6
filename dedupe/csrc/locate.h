/* Places of words: text/locate.py, locate_words. */
#pragma once

#include "common.h"
#include "tokens.h"

/* A word that is being read: its number, where it begins and where it ends so far, and its code points. */
typedef struct {
    int64_t number, begin, end;
    int points;
} Word;

/* The places of the words asked for that are told by now. */
typedef struct {
    const int64_t *asked, *last;
    int64_t *begins, *ends;
} Answers;

static inline void close_word(Word *word, Answers *answers)
{
    if (word->points && answers->asked < answers->last && *answers->asked == word->number) {
        *answers->begins++ = word->begin;
        *answers->ends++ = word->end;
        answers->asked++;
    }
    word->number += word->points > 0;
    word->points = 0;
}

/* A byte of the folded text that comes from the character at `place`. */
static inline void read_folded(Word *word, Answers *answers, uint8_t byte, int64_t place)
{
    if (byte <= ' ') {
        close_word(word, answers);
        return;
    }
    int begins = (byte & 0xC0) != 0x80;
    if (begins && word->points == LONGEST_WORD)
        close_word(word, answers);
    if (!word->points)
        word->begin = place;
    word->points += begins;
    word->end = place + 1;
}

/* Whether all words asked for, in ascending order, are in the text. Its characters fold apart. */
static int locate_in_text(const Source *source, const uint8_t **forms, Answers answers)
{
    Word word = {0};
    int64_t place = 0;
    for (const uint8_t *p = source->text, *end = p + source->size; p < end && answers.asked < answers.last; place++) {
        if (*p < 0x80) {
            read_folded(&word, &answers, ascii_forms[*p++], place);
            continue;
        }
        int size;
        uint32_t code = read_code(p, &size);
        const uint8_t *block = code / BLOCK < BLOCKS ? forms[code / BLOCK] : NULL;
        if (!block)
            return 0;
        for (uint32_t i = offset_of(block, code % BLOCK), high = offset_of(block, code % BLOCK + 1); i < high; i++)
            read_folded(&word, &answers, block[HEAD + i], place);
        p += size;
    }
    close_word(&word, &answers);
    return answers.asked == answers.last;
}

PyDoc_STRVAR(locate_doc, "locate(texts, forms, words, bounds, begins, ends): fills the places (int64, in code points) of words of each text's normal\n"
                         "form: of text d those numbered words[bounds[d]:bounds[d + 1]] (int64, ascending). The characters of the texts must fold\n"
                         "apart (see combining).");

static PyObject *locate(PyObject *module, PyObject *args)
{
    PyObject *texts, *blocks;
    Py_buffer v[4] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "O!O!y*y*w*w*", &PyTuple_Type, &texts, &PyDict_Type, &blocks, &v[0], &v[1], &v[2], &v[3]))
        return NULL;
    const int64_t *words = v[0].buf, *bounds = v[1].buf;
    int64_t *begins = v[2].buf, *ends = v[3].buf;
    Py_ssize_t count = PyTuple_Size(texts), asked = COUNT(v[0], int64_t);
    if (COUNT(v[1], int64_t) != count + 1 || COUNT(v[2], int64_t) != asked || COUNT(v[3], int64_t) != asked)
        return finish(v, 4, 0, BAD_SIZES);
    const uint8_t **forms = gather_forms(blocks);
    Source *sources = forms ? gather_texts(texts, count) : NULL;
    if (!sources) {
        free(forms);
        release(v, 4);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    if (!are_offsets(bounds, count + 1, asked))
        error = BAD_OFFSETS;
    for (Py_ssize_t d = 0; d < count && !error; d++) {
        int64_t low = bounds[d];
        if (!locate_in_text(&sources[d], forms, (Answers){words + low, words + bounds[d + 1], begins + low, ends + low}))
            error = UNFOLDED;
    }
    Py_END_ALLOW_THREADS
    free(sources);
    free(forms);
    return finish(v, 4, count, error);
}
