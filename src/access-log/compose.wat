;; Puts a line together from pieces: each is a text, and a number behind it or none (line-composer.ts). What is written last goes up
;; to 31 bytes beyond the end of the line. `npm run assemble` makes compose-code.ts of it.
;;
;; In JavaScript the same loop takes some 200 instructions a piece, most of them checks of what it is given: all pieces of a line cost
;; 650 ns with it beside 50 000 requests/s, and 250 here (perf, by hand).
(module
  (import "log" "memory" (memory 1 65536 shared))

  ;; Up to four digits in each half of `pairs`, as eight characters, the first of them in the lowest byte.
  (func $characters (param $fours i64) (result i64)
    (local $hundreds i64) (local $twos i64) (local $tens i64)
    ;; x / 100 = x * 5243 >> 19 below 10 000, and x / 10 = x * 103 >> 10 below 100
    (local.set $hundreds
      (i64.and (i64.shr_u (i64.mul (local.get $fours) (i64.const 5243)) (i64.const 19)) (i64.const 0x0000007f0000007f)))
    (local.set $twos
      (i64.or (local.get $hundreds)
        (i64.shl (i64.sub (local.get $fours) (i64.mul (local.get $hundreds) (i64.const 100))) (i64.const 16))))
    (local.set $tens
      (i64.and (i64.shr_u (i64.mul (local.get $twos) (i64.const 103)) (i64.const 10)) (i64.const 0x000f000f000f000f)))
    (i64.add (i64.const 0x3030303030303030)
      (i64.or (local.get $tens)
        (i64.shl (i64.sub (local.get $twos) (i64.mul (local.get $tens) (i64.const 10))) (i64.const 8)))))

  ;; Eight digits of a number below 100 000 000.
  (func $eight (param $value i32) (result i64)
    (local $above i32)
    (local.set $above (i32.div_u (local.get $value) (i32.const 10000)))
    (call $characters
      (i64.or (i64.extend_i32_u (local.get $above))
        (i64.shl
          (i64.extend_i32_u (i32.sub (local.get $value) (i32.mul (local.get $above) (i32.const 10000))))
          (i64.const 32)))))

  ;; Digits of a number below 100 000 000, at `at`; returns where they end. `powers`: of ten, from 10 on, behind a 0.
  (func $digits (param $at i32) (param $value i32) (param $powers i32) (result i32)
    (local $count i32)
    ;; log10 from log2: a guess that is one too few or right
    (local.set $count
      (i32.shr_u
        (i32.mul (i32.sub (i32.const 32) (i32.clz (i32.or (local.get $value) (i32.const 1)))) (i32.const 1233))
        (i32.const 12)))
    (local.set $count
      (i32.add (local.get $count)
        (i32.ge_u (local.get $value)
          (i32.load (i32.add (local.get $powers) (i32.shl (local.get $count) (i32.const 2)))))))
    ;; zeros before it are shifted out
    (i64.store (local.get $at)
      (i64.shr_u (call $eight (local.get $value))
        (i64.shl (i64.extend_i32_u (i32.sub (i32.const 8) (local.get $count))) (i64.const 3))))
    (i32.add (local.get $at) (local.get $count)))

  ;; The same of any whole number up to 2^63.
  (func $number (param $at i32) (param $value i64) (param $powers i32) (result i32)
    (local $above i64)
    (if (i64.lt_u (local.get $value) (i64.const 100000000))
      (then (return (call $digits (local.get $at) (i32.wrap_i64 (local.get $value)) (local.get $powers)))))
    (local.set $above (i64.div_u (local.get $value) (i64.const 100000000)))
    (local.set $at (call $number (local.get $at) (local.get $above) (local.get $powers)))
    (i64.store (local.get $at)
      (call $eight
        (i32.wrap_i64 (i64.sub (local.get $value) (i64.mul (local.get $above) (i64.const 100000000))))))
    (i32.add (local.get $at) (i32.const 8)))

  ;; `pieces`: of each address, bytes, and where its number stands behind `numbers`, in three words of four. A number below 0, or none,
  ;; is not written. `powers` as above. Returns where the line ends, 0: it would go beyond `end`.
  (func (export "compose")
    (param $at i32) (param $end i32) (param $piece i32) (param $count i32) (param $numbers i32) (param $powers i32) (result i32)
    (local $behind i32) (local $from i32) (local $length i32) (local $to i32) (local $last i32) (local $value f64)
    (local.set $behind (i32.add (local.get $piece) (i32.mul (local.get $count) (i32.const 12))))
    (loop $next
      (local.set $from (i32.load (local.get $piece)))
      (local.set $length (i32.load offset=4 (local.get $piece)))
      (local.set $last (i32.add (local.get $at) (local.get $length)))
      (if (i32.gt_u (local.get $last) (local.get $end)) (then (return (i32.const 0))))
      ;; most are not longer than 32 bytes: what is written beyond their end is written over
      (v128.store (local.get $at) (v128.load (local.get $from)))
      (v128.store offset=16 (local.get $at) (v128.load offset=16 (local.get $from)))
      (if (i32.gt_u (local.get $length) (i32.const 32))
        (then
          (local.set $to (i32.add (local.get $at) (i32.const 32)))
          (local.set $from (i32.add (local.get $from) (i32.const 32)))
          (loop $more
            (v128.store (local.get $to) (v128.load (local.get $from)))
            (local.set $from (i32.add (local.get $from) (i32.const 16)))
            (br_if $more
              (i32.lt_u (local.tee $to (i32.add (local.get $to) (i32.const 16))) (local.get $last))))))
      (local.set $at (local.get $last))
      (local.set $value (f64.load (i32.add (local.get $numbers) (i32.load offset=8 (local.get $piece)))))
      (if (f64.ge (local.get $value) (f64.const 0))
        (then
          (if (f64.lt (local.get $value) (f64.const 1e8))
            (then
              (local.set $at
                (call $digits (local.get $at) (i32.trunc_f64_u (local.get $value)) (local.get $powers))))
            (else
              (local.set $at
                (call $number (local.get $at) (i64.trunc_sat_f64_u (local.get $value)) (local.get $powers)))))))
      (br_if $next
        (i32.lt_u (local.tee $piece (i32.add (local.get $piece) (i32.const 12))) (local.get $behind))))
    (select (i32.const 0) (local.get $at) (i32.gt_u (local.get $at) (local.get $end)))))
