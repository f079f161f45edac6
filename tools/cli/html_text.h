// Text in HTML pages.
#ifndef CLI_HTML_TEXT_H
#define CLI_HTML_TEXT_H

#include <stdio.h>

// Writes any bytes as the text of an element or of a quoted attribute: markup becomes harmless,
// bytes that are no UTF-8 and control characters become U+FFFD, line ends a blank.
void cli_html_write(FILE *out, const char *text);

#endif
