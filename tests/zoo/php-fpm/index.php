<?php
file_get_contents("php://input");
if (preg_match("#^/slow/(\d+)#", $_SERVER["REQUEST_URI"], $slow)) {
    usleep($slow[1] * 1000);
}
header("Content-Length: 2");
echo "ok";
