FROM	alpine  AS	 base 
RUNechoa
EXPOSE 	 80		90 
COPY  a	b 
