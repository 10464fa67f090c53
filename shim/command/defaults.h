/* defaults.h: what holds where an option of the library is not given. */
#ifndef GS_DEFAULTS_H
#define GS_DEFAULTS_H

/* "Default: 1ms", "Default: 0, from 0 to 64", "No default", of a row of gs_option_info[]; the range
 * is left out where the row has it already. To be freed. */
char *gs_defaults_words(unsigned option);

#endif
