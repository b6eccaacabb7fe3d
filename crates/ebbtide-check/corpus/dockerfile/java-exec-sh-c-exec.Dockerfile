FROM eclipse-temurin:21-jre-jammy
COPY target/app.jar /app.jar
ENV JAVA_OPTS="-Xmx512m"
ENTRYPOINT ["sh", "-c", "exec java $JAVA_OPTS -jar /app.jar"]
