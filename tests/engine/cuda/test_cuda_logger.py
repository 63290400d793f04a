"""TensorRT's own words: kept while it works, quoted when it fails."""

import threading

from engine.cuda.logger import last_words, make_logger
from tests.engine.cuda.gpu_double import Gpu
from tests.engine.cuda.trt_double import Severity, TrtFaults, tensorrt


def test_one_logger_serves_a_module_for_good() -> None:
    trt = tensorrt(Gpu(), TrtFaults())
    assert make_logger(trt) is make_logger(trt)
    assert isinstance(make_logger(trt), trt.ILogger)


def test_warnings_and_errors_are_kept_and_nothing_grows() -> None:
    logger = make_logger(tensorrt(Gpu(), TrtFaults()))
    for number in range(1000):
        logger.log(Severity.INFO, "chatter")
        logger.log(Severity.ERROR, f"error {number}")
    assert list(logger.kept)[-2:] == ["error 998", "error 999"]
    assert len(logger.kept) == 20


def test_threads_may_log_while_others_quote() -> None:
    logger = make_logger(tensorrt(Gpu(), TrtFaults()))
    threads = [
        threading.Thread(target=lambda: [logger.log(Severity.WARNING, "a warning") for _ in range(5000)])
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert set(last_words(logger.kept).split("; ")) <= {"a warning", "it gave no reason"}
    assert last_words(logger.kept) == "a warning; a warning"


def test_long_lines_are_one_short_sentence() -> None:
    said = last_words(["first", "an error\nof several lines " + 100 * "and words ", "the last"])
    assert said.startswith("an error of several lines and words")
    assert said.endswith("...; the last")
    assert len(said) < 200
    assert last_words([]) == "it gave no reason"
