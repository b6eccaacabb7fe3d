# The base has STOPSIGNAL SIGQUIT, at which supervisord stops as well.
FROM php:8.3-fpm
RUN apt-get update && apt-get install -y nginx supervisor
COPY supervisord.conf /etc/supervisor/conf.d/
CMD ["/usr/bin/supervisord", "-n", "-c", "/etc/supervisor/supervisord.conf"]
