;; Guile: gets a file by HTTP and prints "WAY: LENGTH SUM" of its bytes.
;;
;;     guile get.scm PORT PATH
(use-modules (ice-9 binary-ports) (rnrs bytevectors) (web client))
(define port (list-ref (command-line) 1))
(define path (list-ref (command-line) 2))

(define (tell way bytes)
  (format #t "~a: ~a ~a~%" way (bytevector-length bytes)
          (apply + (bytevector->u8-list bytes))))

(call-with-values
    (lambda ()
      (http-get (string-append "http://localhost:" port path) #:decode-body? #f))
  (lambda (answer body) (tell "http-get" body)))
