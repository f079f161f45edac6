// The file of a World vocabulary. It has a line for each token: its id, its bytes as a Python
// literal, and their number.
//
//     11 '\n' 1
//     250 b'\xf9' 1
//     65529 '                ...                ' 128
#ifndef RK_WORLD_FILE_H
#define RK_WORLD_FILE_H

#include "base/file.h"
#include "text/token_texts.h"

// Adds the file's tokens to empty texts. No id is there twice; equal bytes are not looked for.
rk_status rk__world_file_read(rk__token_texts *texts, const rk__file *file, rk_error *err);

#endif
