// Go's net/http. With `wait`, main waits for Shutdown as the documentation says; otherwise it returns with ListenAndServe.
package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT")}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if text := strings.TrimPrefix(r.URL.Path, "/slow/"); text != r.URL.Path {
			ms, _ := strconv.Atoi(text)
			time.Sleep(time.Duration(ms) * time.Millisecond)
		}
		io.WriteString(w, "ok")
	})
	idle := make(chan struct{})
	go func() {
		terminate := make(chan os.Signal, 1)
		signal.Notify(terminate, syscall.SIGTERM)
		<-terminate
		server.Shutdown(context.Background())
		close(idle)
	}()
	server.ListenAndServe()
	if len(os.Args) > 1 && os.Args[1] == "wait" {
		<-idle
	}
}
