# The entry point script is not in the input.
FROM ruby:3.3-slim AS base
WORKDIR /rails
ENV RAILS_ENV=production
RUN apt-get update -qq && apt-get install --no-install-recommends -y libjemalloc2 postgresql-client
COPY . .
ENTRYPOINT ["/rails/bin/docker-entrypoint"]
EXPOSE 3000
CMD ["./bin/rails", "server"]
