
sqln1m

sales
raw
sales

fx
	connector
a