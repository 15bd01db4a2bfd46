
a
b