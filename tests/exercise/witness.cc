#include "witness.h"

namespace
{

struct witness {
	uint32_t *destroyed;

	~witness()
	{
		*destroyed += 1;
	}
};

} // namespace

void x_witness(void (*exercise)(struct exercise *x), struct exercise *x, uint32_t *destroyed)
{
	witness here = {destroyed};

	exercise(x);
}
