run lambda { |env|
  env["rack.input"].read
  slow = env["PATH_INFO"].match(%r{\A/slow/(\d+)})
  sleep(slow[1].to_i / 1000.0) if slow
  [200, { "content-type" => "text/plain", "content-length" => "2" }, ["ok"]]
}
