FROM alpine
<<<<<<< ours
RUN a
=======
RUN b
>>>>>>> theirs
