# expect: D001 warning at tee
# A pipe keeps every shell.
FROM alpine:3.20
RUN apk add --no-cache mosquitto
CMD mosquitto -c /etc/mosquitto.conf | tee /var/log/mosquitto.log
