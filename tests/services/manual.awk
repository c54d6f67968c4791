# The blocks of one daemon in xsock-services(7): "-v daemon=nginx -v kind=append".
# In the manual, a comment ".\" KIND ARGUMENT" stands before a block .EX … .EE.
# Prints "@KIND ARGUMENT", and the lines as the reader sees them.

function plain(line)
{
	gsub(/\\&/, "", line)
	gsub(/\\-/, "-", line)
	gsub(/\\(dq|\(dq)/, "\"", line)
	gsub(/\\\(aq/, "'", line)
	gsub(/\\\(ti/, "~", line)
	gsub(/\\\(ha/, "^", line)
	gsub(/\\e/, "\\", line)
	return line
}

/^\.S[SH] / { here = ($1 == ".SS" && $2 == daemon); wanted = 0; next }
!here { next }
/^\.\\" @/ {
	text = substr($0, 6)
	split(text, word, " ")
	wanted = (word[1] == kind)
	# A unit has no block.
	if (wanted)
		print "@" text
	next
}
/^\.EX/ { inside = wanted; next }
/^\.EE/ { inside = 0; wanted = 0; next }
inside { print plain($0) }
