FORM alpine
RUNN echo a
COPPY a b
ENTRY ["x"]
