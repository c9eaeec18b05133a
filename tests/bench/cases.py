"""What ./dev bench measures: programs, how they are run bare, and the bars of each."""
import dataclasses

HELLO_C = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
STDCXX = """#include <bits/stdc++.h>
using namespace std;
int main()
{
        vector<int> v(istream_iterator<int>(cin), {});
        sort(v.begin(), v.end());
        cout << "hello" << endl;
}
"""
JAVA = 'public class Main { public static void main(String[] args) { System.out.println("hello"); } }\n'


@dataclasses.dataclass
class Case:
    """One program.  @bare: the words that run it bare, {f} its file; None: bare is the compiled program itself."""
    name: str
    language: str
    file: str
    source: str
    bare: list | None
    gaps: bool = True          # measured with 120 ms between two runs, too
    rate: bool = True          # and with several clients at once
    rounds: float = 1.0        # as part of --rounds
    alone: bool = True         # back to back, one client
    fields: dict = dataclasses.field(default_factory=dict)
    bars: dict = dataclasses.field(default_factory=dict)


def shell(text):
    return ["/bin/sh", "-c", text]


CASES = [
    Case("C hello, compiled before", "c", "main.c", HELLO_C, None,
         bars={"alone": 1.9, "gaps": 3.0, "tail": 4.0, "rate": 1500, "rate_of_bare": 0.45}),
    Case("Python hello", "python", "main.py", 'print("hello")\n', ["/usr/bin/python3", "{f}"],
         bars={"alone": 0.30, "rate": 450}),
    Case("Ruby hello", "ruby", "main.rb", 'puts "hello"\n', ["/usr/bin/ruby", "{f}"], gaps=False, rounds=0.25,
         rate=False, bars={"alone": 0.5}),
    Case("PHP hello", "php", "main.php", '<?php echo "hello\\n";\n', ["/usr/bin/php", "{f}"], gaps=False, rounds=0.5,
         rate=False, bars={"alone": 0.6}),
    Case("Perl hello", "perl", "main.pl", 'print "hello\\n";\n', ["/usr/bin/perl", "{f}"], gaps=False, rate=False,
         bars={"alone": 1.2}),
    Case("Bash hello", "bash", "main.sh", "echo hello\n", ["/usr/bin/bash", "{f}"], gaps=False, rate=False,
         bars={"alone": 1.5}),
    Case("Lua hello", "lua", "main.lua", 'print("hello")\n', ["/usr/bin/lua5.4", "{f}"], gaps=False, rate=False,
         bars={"alone": 1.5}),
    Case("Node hello", "javascript", "main.js", 'console.log("hello")\n', ["/usr/bin/node", "{f}"], alone=False,
         rate=False, rounds=0.5, bars={"gaps": 0.35}),
    Case("Java hello, source to output", "java", "Main.java", JAVA,
         shell("javac -d {d}/java {f} && exec java -cp {d}/java Main"), alone=False, rate=False, rounds=0.04,
         fields={"cache": False}, bars={"gaps": 0.5}),
    Case("C++ with bits/stdc++.h, first time", "c++", "main.cpp", STDCXX,
         shell("g++ -std=gnu++17 -O2 -o {d}/stdcxx {f} && exec {d}/stdcxx </dev/null"), gaps=False, rate=False,
         rounds=0.03, fields={"cache": False}, bars={"alone": 0.5}),
    Case("C++ with bits/stdc++.h, again", "c++", "main.cpp", STDCXX, None, gaps=False, rate=False, rounds=0.5,
         bars={"above_ms": 3.0}),
]
CLIENTS = (1, 2, 4, 16)
BOX_BARS = {"prepared": 1.35, "cold": 1.6}
CPU_BAR_US = 350
IDLE_BAR_MIB = 90
INPUTS, INPUTS_BAR = 20, 2.0
