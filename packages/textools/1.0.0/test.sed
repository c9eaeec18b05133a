i\
OK
d
