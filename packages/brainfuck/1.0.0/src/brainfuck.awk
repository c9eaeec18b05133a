# An interpreter: the program is the file named first, its input the rest of the words as numbers, one byte each.
BEGIN {
        file = ARGV[1]
        while ((getline line < file) > 0)
                code = code line
        n = length(code)
        at = 0
        for (i = 1; i <= n; i++) {
                c = substr(code, i, 1)
                if (c == "[")
                        open[++depth] = i
                if (c == "]") {
                        if (depth == 0) {
                                print "brainfuck: ] without [ at " i > "/dev/stderr"
                                exit 1
                        }
                        twin[i] = open[depth]
                        twin[open[depth--]] = i
                }
        }
        if (depth > 0) {
                print "brainfuck: [ without ] at " open[depth] > "/dev/stderr"
                exit 1
        }
        for (i = 1; i <= n; i++) {
                c = substr(code, i, 1)
                if (c == ">") at++
                else if (c == "<") at--
                else if (c == "+") cell[at] = (cell[at] + 1) % 256
                else if (c == "-") cell[at] = (cell[at] + 255) % 256
                else if (c == ".") printf "%c", cell[at]
                else if (c == ",") cell[at] = next_byte + 2 < ARGC ? ARGV[next_byte++ + 2] : 0
                else if (c == "[" && cell[at] + 0 == 0) i = twin[i]
                else if (c == "]" && cell[at] != 0) i = twin[i]
        }
}
