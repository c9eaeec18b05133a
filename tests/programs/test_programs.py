"""Every program of the corpus does in a box what it does outside; four at a time, each its own test."""
import concurrent.futures

import corpus
import pytest

AT_ONCE = 4
PROGRAMS = list(corpus.programs())


@pytest.fixture(scope="module")
def answers(engine, request):
    """A future per selected program, all under way at once."""
    wanted = {item.callspec.id for item in request.session.items if item.fspath == request.fspath and hasattr(item, "callspec")}
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    installed = {row["language"] for row in engine.runtimes()}

    def ask(language, program):
        return engine.execute(language, program["source"], stdin=corpus.stdin_of(program),
                              args=program.get("args", []))

    yield {(language, name): pool.submit(ask, language, program) for language, name, program in PROGRAMS
           if f"{language}-{name}" in wanted and language in installed}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("language, name, program", PROGRAMS, ids=[f"{row[0]}-{row[1]}" for row in PROGRAMS])
def test_program(answers, language, name, program):
    if (language, name) not in answers:
        pytest.skip(f"{language} is not installed")
    answer = answers[language, name].result()
    assert answer.status == 200, answer
    wrong = list(corpus.faults(program, answer.json()))
    assert not wrong, f"{'; '.join(wrong)}\n{corpus.show(answer.json())}"


def test_the_corpus_is_whole():
    assert len(PROGRAMS) >= 200
    assert len({row[0] for row in PROGRAMS}) >= 13
    assert len({row[:2] for row in PROGRAMS}) == len(PROGRAMS)
