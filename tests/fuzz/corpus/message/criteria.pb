
asql
