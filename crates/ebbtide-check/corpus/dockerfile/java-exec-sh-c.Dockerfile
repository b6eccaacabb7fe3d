# expect: D002 warning at sh
# JAVA_OPTS needs a shell, and the shell of Ubuntu stays.
FROM eclipse-temurin:21-jre-jammy
COPY target/app.jar /app.jar
ENV JAVA_OPTS="-Xmx512m"
ENTRYPOINT ["sh", "-c", "java $JAVA_OPTS -jar /app.jar"]
