/* BER; see ber.h. */
#include "relay/starttls/ber.h"

bool xs_ber_read_head(struct xs_ber ber, size_t *head, size_t *len)
{
	size_t size = (size_t)(ber.end - ber.at), octets;

	*head = 0;
	*len = 0;
	if (size < 2)
		return true;
	if (ber.at[1] < 0x80) {
		*head = 2;
		*len = ber.at[1];
		return true;
	}
	octets = ber.at[1] & 0x7f;
	if (octets < 1 || octets > 4)
		return false;
	if (size < 2 + octets)
		return true;
	for (size_t i = 0; i < octets; i++)
		*len = *len << 8 | ber.at[2 + i];
	*head = 2 + octets;
	return true;
}

bool xs_ber_take(struct xs_ber *ber, uint8_t tag, struct xs_ber *value)
{
	size_t head, len;

	if (ber->at == ber->end || *ber->at != tag ||
	    !xs_ber_read_head(*ber, &head, &len) || !head ||
	    len > (size_t)(ber->end - ber->at) - head)
		return false;
	value->at = ber->at + head;
	value->end = value->at + len;
	ber->at = value->end;
	return true;
}

bool xs_ber_take_number(struct xs_ber *ber, uint8_t tag, uint32_t *number)
{
	struct xs_ber value;
	size_t len;

	if (!xs_ber_take(ber, tag, &value))
		return false;
	len = (size_t)(value.end - value.at);
	if (len < 1 || len > 4 || (value.at[0] & 0x80))
		return false;
	*number = 0;
	while (value.at < value.end)
		*number = *number << 8 | *value.at++;
	return true;
}
