"""The parts of benchmarks/storm.py: sources that change, what befalls a night, the night, and who counts after it."""
