# The list of xsock-messages(7): the rows of message.def by identifier, in place
# of the line LIST of the manual's text.
#
#     awk -f messages.awk shim/base/message.def shim/xsock-messages.7.in

function roff(text)
{
	gsub(/\\"/, "\"", text)
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	gsub(/"/, "\\(dq", text)
	gsub(/[*]/, "...", text)
	return text
}

function keep(id, sentence, advice)
{
	if (!(id in says)) {
		ids[++count] = id
		does[id] = advice
	}
	says[id] = says[id] "\n.br\n\\(lq" roff(sentence) "\\(rq"
}

function print_list(i, j, id)
{
	for (i = 2; i <= count; i++) {
		id = ids[i]
		for (j = i - 1; j > 0 && ids[j] > id; j--)
			ids[j + 1] = ids[j]
		ids[j + 1] = id
	}
	for (i = 1; i <= count; i++) {
		id = ids[i]
		print ".TP\n.B " roff(id) "\n" roff(does[id]) says[id]
	}
}

FILENAME ~ /\.def$/ && /^( \*|\/\*)/ { next }

FILENAME ~ /\.def$/ {
	rest = $0
	while (match(rest, /"([^"\\]|\\.)*"/)) {
		part[++parts] = substr(rest, RSTART + 1, RLENGTH - 2)
		rest = substr(rest, RSTART + RLENGTH)
		if (parts == 3) {
			keep(part[1], part[2], part[3])
			parts = 0
		}
	}
	next
}

/^\.\\" LIST$/ { print_list(); next }

{ print }
