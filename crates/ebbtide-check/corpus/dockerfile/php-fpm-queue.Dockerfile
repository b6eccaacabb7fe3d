# The command line of PHP is in the image of php-fpm too, and Laravel's worker handles SIGQUIT.
FROM php:8.3-fpm-alpine
WORKDIR /srv
COPY . .
RUN composer install --no-dev
CMD ["php", "artisan", "queue:work", "--max-time=3600"]
