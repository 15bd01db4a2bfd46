	
sq