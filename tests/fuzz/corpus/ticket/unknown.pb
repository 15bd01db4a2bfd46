
a
bJx