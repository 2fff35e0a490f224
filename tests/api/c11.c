/* SPDX-License-Identifier: MIT */
/* The public headers in C11 without extensions: see languages.h. */
#include "languages.h"

int main(void)
{
	use_all();
	return 0;
}
